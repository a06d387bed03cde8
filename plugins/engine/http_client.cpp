#include "engine/http_client.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>

#include "engine/descriptor.h"

namespace control::engine {
namespace {

constexpr std::size_t kMaxIdle = 4;

Error tooLong() {
  return {.code = ErrorCode::kInternal, .message = "the engine's answer is longer than 64 MiB"};
}

/// What a request may have done when it failed after `sent` bytes of it had left.
Error withEffect(Error error, const HttpRequest& request, std::size_t sent) {
  error.effect = request.changesNothing() || sent == 0 ? Effect::kNone : Effect::kUnknown;
  return error;
}

/// Sends `request` and reads until the head of the answer is complete.
Result<void> exchangeHead(Connection& connection, const HttpRequest& request,
                          const std::string& host, WaitScope& scope, HttpReader& reader,
                          std::string& body, std::size_t& sent, bool& answered) {
  if (auto done = connection.send(serialize(request, host), sent, scope); !done) return done;
  std::string bytes;
  while (!reader.headComplete()) {
    bytes.clear();
    auto more = connection.receive(bytes, scope);
    if (!more) return more.error();
    answered = answered || !bytes.empty();
    if (!*more) {
      if (auto finished = reader.finish(); !finished) return finished;
    } else if (auto fed = reader.feed(bytes, body); !fed) {
      return fed;
    }
  }
  return {};
}

Result<void> readBody(Connection& connection, WaitScope& scope, HttpReader& reader,
                      std::string& body) {
  std::string bytes;
  while (!reader.complete()) {
    if (body.size() > HttpStream::kMaxBody) return tooLong();
    bytes.clear();
    auto more = connection.receive(bytes, scope);
    if (!more) return more.error();
    if (!*more) return reader.finish();
    if (auto fed = reader.feed(bytes, body); !fed) return fed;
  }
  return {};
}

}  // namespace

// ---- HttpStream ----

HttpStream::HttpStream(std::unique_ptr<Connection> connection, HttpReader reader, std::string early,
                       Clock& clock)
    : connection_(std::move(connection)),
      reader_(std::move(reader)),
      early_(std::move(early)),
      clock_(clock) {}

HttpStream::~HttpStream() {
  if (epoll_ >= 0) ::close(epoll_);
}

Result<void> HttpStream::arm() {
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  if (epoll_ < 0) return systemError(errno, "cannot open a stream");
  for (const int fd : {connection_->fd(), connection_->wakeup().fd()}) {
    epoll_event event{.events = EPOLLIN | EPOLLRDHUP, .data = {.fd = fd}};
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0)
      return systemError(errno, "cannot open a stream");
  }
  keepReadable(!early_.empty() || reader_.complete());
  if (!reader_.hijacked()) return {};
  writing_.emplace();
  return writing_->valid() ? Result<void>() : systemError(EMFILE, "cannot open a stream");
}

void HttpStream::cancel() noexcept {
  if (writing_) writing_->cancel();
  connection_->wakeup().cancel();
}

void HttpStream::keepReadable(bool on) noexcept {
  if (on) {
    connection_->wakeup().signal();
  } else {
    connection_->wakeup().clear();
  }
}

Result<void> HttpStream::awaitHead(const CallContext& context) {
  WaitScope scope(connection_->wakeup(), context, clock_);
  std::string bytes;
  while (!reader_.headComplete()) {
    if (cancelled()) return cancelledError();
    bytes.clear();
    auto more = connection_->receive(bytes, scope);
    if (!more) return more.error();
    if (!*more) return reader_.finish();
    if (auto fed = reader_.feed(bytes, early_); !fed) return fed;
  }
  if (!early_.empty() || reader_.complete()) keepReadable(true);
  return {};
}

Result<bool> HttpStream::read(std::string& out, const CallContext& context) {
  if (cancelled()) return cancelledError();
  if (!early_.empty()) {
    out += std::exchange(early_, {});
    return true;
  }
  if (reader_.complete()) return false;
  WaitScope scope(connection_->wakeup(), context, clock_);
  const std::size_t before = out.size();
  std::string bytes;
  while (out.size() == before) {
    bytes.clear();
    auto more = connection_->receive(bytes, scope);
    if (!more) return more.error();
    if (!*more) {
      if (auto finished = reader_.finish(); !finished) return finished.error();
      return false;
    }
    if (auto fed = reader_.feed(bytes, out); !fed) return fed.error();
    if (reader_.complete() && out.size() == before) return false;
  }
  return true;
}

Result<void> HttpStream::check(const CallContext& context) const {
  return WaitScope(connection_->wakeup(), context, clock_).check();
}

Result<std::string> HttpStream::readAll(const CallContext& context) {
  std::string body;
  for (;;) {
    auto more = read(body, context);
    if (!more) return more.error();
    if (!*more) return body;
    if (body.size() > kMaxBody) return tooLong();
  }
}

Result<void> HttpStream::write(std::string_view bytes, std::size_t& written,
                               const CallContext& context) {
  if (cancelled()) return cancelledError();
  if (!writing_)
    return Error{.code = ErrorCode::kUnsupported, .message = "the connection takes no input"};
  WaitScope scope(*writing_, context, clock_);
  if (auto ended = scope.check(); !ended) return ended;
  return connection_->send(bytes, written, scope);
}

Result<void> HttpStream::finishWriting() { return connection_->finishSending(); }

// ---- HttpClient ----

HttpClient::HttpClient(Address address, std::shared_ptr<Clock> clock)
    : address_(std::move(address)), clock_(std::move(clock)), host_(address_.hostHeader()) {}

HttpClient::~HttpClient() = default;

std::unique_ptr<Connection> HttpClient::takeIdle() {
  for (;;) {
    std::unique_ptr<Connection> connection;
    {
      const std::lock_guard lock(mutex_);
      if (idle_.empty()) return nullptr;
      connection = std::move(idle_.back());
      idle_.pop_back();
    }
    if (connection->quiet()) return connection;
  }
}

void HttpClient::keep(std::unique_ptr<Connection> connection) {
  std::unique_ptr<Connection> oldest;  // closed outside the lock
  const std::lock_guard lock(mutex_);
  if (idle_.size() == kMaxIdle) {
    oldest = std::move(idle_.front());
    idle_.erase(idle_.begin());
  }
  idle_.push_back(std::move(connection));
}

void HttpClient::forgetConnections() {
  std::vector<std::unique_ptr<Connection>> dropped;
  const std::lock_guard lock(mutex_);
  dropped.swap(idle_);
}

Result<HttpResponse> HttpClient::requestOn(std::unique_ptr<Connection> connection, bool reused,
                                           const HttpRequest& request, const CallContext& context,
                                           bool& stale) {
  HttpReader reader(request.method == Method::kHead);
  HttpResponse response;
  std::size_t sent = 0;
  bool answered = false;
  {
    WaitScope scope(connection->wakeup(), context, *clock_);
    auto done =
        exchangeHead(*connection, request, host_, scope, reader, response.body, sent, answered);
    if (done) done = readBody(*connection, scope, reader, response.body);
    if (!done) {
      stale = reused && !answered && done.error().code == ErrorCode::kUnavailable;
      return withEffect(std::move(done).error(), request, sent);
    }
  }
  response.head = reader.head();
  if (reader.reusable()) keep(std::move(connection));
  return response;
}

Result<HttpResponse> HttpClient::request(const HttpRequest& request, const CallContext& context) {
  if (context.cancellation.stop_requested()) return cancelledError();
  if (context.deadline != TimePoint::max() && clock_->now() >= context.deadline)
    return deadlineError();
  if (request.changesNothing()) {
    if (auto kept = takeIdle()) {
      bool stale = false;
      auto response = requestOn(std::move(kept), true, request, context, stale);
      if (response || !stale) return response;
      forgetConnections();  // what was kept beside it is as dead
    }
  }
  auto connection = Connection::open(address_, context, *clock_);
  if (!connection) return connection.error();
  bool stale = false;
  return requestOn(std::move(*connection), false, request, context, stale);
}

Result<std::unique_ptr<HttpStream>> HttpClient::open(const HttpRequest& request,
                                                     const CallContext& context) {
  auto opened = Connection::open(address_, context, *clock_);
  if (!opened) return opened.error();
  HttpReader reader(request.method == Method::kHead);
  std::string early;
  std::size_t sent = 0;
  {
    bool answered = false;
    WaitScope scope((*opened)->wakeup(), context, *clock_);
    auto done = exchangeHead(**opened, request, host_, scope, reader, early, sent, answered);
    if (!done) return withEffect(std::move(done).error(), request, sent);
  }
  std::unique_ptr<HttpStream> stream(
      new HttpStream(std::move(*opened), std::move(reader), std::move(early), *clock_));
  if (auto armed = stream->arm(); !armed)
    return withEffect(std::move(armed).error(), request, sent);
  return stream;
}

Result<std::unique_ptr<HttpStream>> HttpClient::openAhead(const HttpRequest& request,
                                                          const CallContext& context) {
  auto opened = Connection::open(address_, context, *clock_);
  if (!opened) return opened.error();
  std::size_t sent = 0;
  {
    WaitScope scope((*opened)->wakeup(), context, *clock_);
    auto done = (*opened)->send(serialize(request, host_), sent, scope);
    if (!done) return withEffect(std::move(done).error(), request, sent);
  }
  HttpReader reader(request.method == Method::kHead);
  std::unique_ptr<HttpStream> stream(
      new HttpStream(std::move(*opened), std::move(reader), {}, *clock_));
  if (auto armed = stream->arm(); !armed)
    return withEffect(std::move(armed).error(), request, sent);
  return stream;
}

}  // namespace control::engine
