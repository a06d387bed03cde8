#include "podman/podman_logs.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <mutex>
#include <utility>

#include "engine/descriptor.h"
#include "engine/joined_context.h"
#include "engine/output.h"
#include "engine/wakeup.h"
#include "podman/podman_errors.h"

namespace control::podman {
namespace {

using engine::HttpStream;
using engine::OutputReader;

constexpr std::size_t kMaxItem = 64 * 1024;
/// Part of the 250 ms beyond a deadline that is past.
constexpr Duration kBrief = std::chrono::milliseconds(100);

class FollowedLog final : public LogStream {
 public:
  FollowedLog(std::unique_ptr<HttpStream> http, OpenLog open_rest, FollowForm form, Clock& clock)
      : open_rest_(std::move(open_rest)),
        form_(std::move(form)),
        process_(form_.process),
        clock_(clock) {
    take(std::move(http));
  }

  Result<void> arm() {
    epoll_ = engine::Descriptor(::epoll_create1(EPOLL_CLOEXEC));
    if (!epoll_ || !ready_.valid()) return engine::systemError(errno, "cannot follow a log");
    if (auto watched = watch(ready_.fd()); !watched) return watched;
    return watch(reader_->http().pollFd());
  }

  Result<std::optional<Output>> next(const CallContext& context) override {
    if (ready_.cancelled()) return engine::cancelledError();
    ready_.clear();
    Item first = held_ ? std::move(*held_) : pull(context);
    held_.reset();
    if (!first || !*first || form_.timestamps) return settle(std::move(first));
    return settle(joined(std::move(**first)));
  }

  int pollFd() const noexcept override { return epoll_.get(); }

  void cancel() noexcept override {
    ready_.cancel();
    cancelled_.request_stop();
    const std::lock_guard lock(mutex_);
    if (reader_) reader_->http().cancel();
  }

 private:
  using Item = Result<std::optional<Output>>;

  Result<void> watch(int fd) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
      return engine::systemError(errno, "cannot follow a log");
    return {};
  }

  void take(std::unique_ptr<HttpStream> http) {
    auto reader = std::make_shared<OutputReader>(
        std::move(http), engine::OutputForm{.tty = form_.tty, .timestamps = true});
    const std::lock_guard lock(mutex_);
    std::swap(reader_, reader);
    if (ready_.cancelled()) reader_->http().cancel();
  }

  /// Says by pollFd whether there is more to hand on.
  Item settle(Item item) {
    if (held_ || over_ || (pending_rest_ && item)) ready_.signal();
    return item;
  }

  /// Puts what has arrived of the same source together.
  Item joined(Output output) {
    output.at.reset();
    while (output.bytes.size() < kMaxItem) {
      auto more = pull({.deadline = TimePoint{}});
      if (!more && more.error().code == ErrorCode::kDeadlineExceeded) break;
      const bool same = more && *more && (*more)->source == output.source;
      if (!same) {
        held_ = std::move(more);
        break;
      }
      output.bytes += (*more)->bytes;
    }
    return std::optional(std::move(output));
  }

  Item pull(const CallContext& context) {
    for (;;) {
      if (over_) return std::exchange(last_, std::nullopt);
      if (pending_rest_) {
        if (auto opened = openRest(context); !opened) return opened.error();
        continue;
      }
      if (auto checked = checkHead(reader_->http(), context); !checked) return checked.error();
      auto item = reader_->next(context);
      if (!item) return item;
      if (in_rest_) {
        if (*item && skip(**item)) continue;
        over_ = !*item;
        return item;
      }
      if (!*item) {
        over_ = !canContinue();
        pending_rest_ = !over_;
        continue;
      }
      if (process_ && process_->ended()) *item = std::exchange(last_, std::move(*item));
      if (!*item) continue;
      note(**item);
      return item;
    }
  }

  /// Where only the last lines were asked for and all are of one moment, it is not known which of
  /// that moment's lines came.
  bool canContinue() const { return !form_.tail || (first_at_ && first_at_ != last_at_); }

  Result<void> openRest(const CallContext& context) {
    const engine::JoinedContext joined(context, cancelled_.get_token());
    CallContext brief = *joined;
    brief.deadline = std::max(brief.deadline, CallContext::after(clock_.now(), kBrief));
    auto http = open_rest_(last_at_, brief);
    if (!http && http.error().code != ErrorCode::kNotFound) {
      if (http.error().code == ErrorCode::kDeadlineExceeded) ready_.signal();
      return http.error();
    }
    pending_rest_ = false;
    in_rest_ = true;
    over_ = !http;
    if (!http) return {};
    last_.reset();
    take(std::move(*http));
    return watch(reader_->http().pollFd());
  }

  static std::size_t slot(const Output& output) {
    return output.source == OutputSource::kStderr ? 1 : 0;
  }

  /// Counts what came of the latest moment.
  void note(const Output& output) {
    if (!output.at) return;
    if (!first_at_) first_at_ = output.at;
    if (output.at != last_at_) counts_ = {};
    last_at_ = output.at;
    counts_.at(slot(output)) += output.bytes.size();
  }

  /// Whether all of it came already; what did is cut off.
  bool skip(Output& output) {
    std::size_t& left = counts_.at(slot(output));
    if (output.at != last_at_ || left == 0) return false;
    const std::size_t cut = std::min(left, output.bytes.size());
    left -= cut;
    output.bytes.erase(0, cut);
    return output.bytes.empty();
  }

  const OpenLog open_rest_;
  const FollowForm form_;
  const std::shared_ptr<const engine::Process> process_;
  Clock& clock_;
  engine::Wakeup ready_{};
  engine::Descriptor epoll_{};
  std::stop_source cancelled_{};
  std::mutex mutex_;
  std::shared_ptr<OutputReader> reader_{};  ///< guarded by mutex_ against cancel()
  std::optional<Item> held_{};              ///< read ahead
  std::optional<Output> last_{};            ///< after the exit: it may be half of a line
  std::optional<WallTime> first_at_{};
  std::optional<WallTime> last_at_{};
  std::array<std::size_t, 2> counts_{};  ///< bytes of stdout and stderr at last_at_
  bool pending_rest_ = false;
  bool in_rest_ = false;
  bool over_ = false;
};

}  // namespace

Result<void> checkHead(HttpStream& http, const CallContext& context) {
  if (auto there = http.awaitHead(context); !there) return there;
  if (http.head().success()) return {};
  const auto body = http.readAll(context);
  if (!body) return body.error();
  return errorFromReply(http.head().status, *body, Subject::kContainer);
}

Result<std::unique_ptr<LogStream>> makeFollowedLog(std::unique_ptr<HttpStream> http,
                                                   OpenLog open_rest, FollowForm form,
                                                   Clock& clock) {
  auto stream =
      std::make_unique<FollowedLog>(std::move(http), std::move(open_rest), std::move(form), clock);
  if (auto armed = stream->arm(); !armed) return armed.error();
  return std::unique_ptr<LogStream>(std::move(stream));
}

}  // namespace control::podman
