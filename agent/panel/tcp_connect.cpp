#include "agent/panel/tcp_connect.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "agent/descriptor.h"
#include "agent/panel/transport.h"

// The thread sanitizer crashes in threads that the C library makes for itself: under it the
// resolver is asked on our own thread, and cannot be interrupted.
#if defined(__SANITIZE_THREAD__)
#define AGENT_RESOLVES_IN_PLACE 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define AGENT_RESOLVES_IN_PLACE 1
#endif
#endif

namespace agent {
namespace {

using control::Error;
using control::ErrorCode;
using control::Result;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

Error cancelled() { return {.code = ErrorCode::kCancelled, .message = "stopping"}; }
Error unresolved(const std::string& host, int problem) {
  return unavailable("the name " + host + " cannot be resolved: " + ::gai_strerror(problem));
}

milliseconds until(Clock::time_point deadline) {
  return std::max(milliseconds(0), std::chrono::ceil<milliseconds>(deadline - Clock::now()));
}

struct AddressesDeleter {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, AddressesDeleter>;

#if defined(AGENT_RESOLVES_IN_PLACE)
Result<Addresses> resolve(const std::string& host, const std::string& port, Clock::time_point,
                          const std::atomic<bool>&) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const int problem = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &list);
  if (problem != 0) return unresolved(host, problem);
  return Addresses(list);
}
#else
/// One question to the resolver, on a thread of the C library's, because the question itself cannot
/// be interrupted.
struct Question {
  std::string host;
  std::string port;
  addrinfo hints{};
  gaicb request{};
};

Result<Addresses> answerOf(Question& question) {
  const int problem = ::gai_error(&question.request);
  if (problem != 0) return unresolved(question.host, problem);
  return Addresses(question.request.ar_result);
}

Result<Addresses> resolve(const std::string& host, const std::string& port,
                          Clock::time_point deadline, const std::atomic<bool>& stopping) {
  auto question = std::make_unique<Question>();
  question->host = host;
  question->port = port;
  question->hints.ai_socktype = SOCK_STREAM;
  question->hints.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV;
  question->request.ar_name = question->host.c_str();
  question->request.ar_service = question->port.c_str();
  question->request.ar_request = &question->hints;
  gaicb* list[] = {&question->request};
  if (const int problem = ::getaddrinfo_a(GAI_NOWAIT, list, 1, nullptr); problem != 0)
    return unavailable("the name " + host + " cannot be asked for: " + ::gai_strerror(problem));
  while (::gai_error(&question->request) == EAI_INPROGRESS) {
    if (stopping || Clock::now() >= deadline) {
      // The resolver's thread may still write into the question: it is given up, not freed. The
      // resolver ends by itself within its own time-outs, so few are ever left.
      if (::gai_cancel(&question->request) == EAI_NOTCANCELED)
        static_cast<void>(question.release());
      if (stopping) return cancelled();
      return unavailable("the name " + host + " was not resolved in time");
    }
    const timespec glance{0, std::chrono::nanoseconds(kStopGlance).count()};
    ::gai_suspend(const_cast<const gaicb**>(list), 1, &glance);
  }
  return answerOf(*question);
}
#endif

/// A name that is an address needs no resolver.
Result<Addresses> addressesOf(const std::string& host, const std::string& port,
                              Clock::time_point deadline, const std::atomic<bool>& stopping) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  if (::getaddrinfo(host.c_str(), port.c_str(), &hints, &list) == 0) return Addresses(list);
  return resolve(host, port, deadline, stopping);
}

void setOption(int descriptor, int level, int option, int value) {
  // Without it a dead peer is noticed later, by our own pings.
  static_cast<void>(::setsockopt(descriptor, level, option, &value, sizeof value));
}

void tune(int descriptor) {
  setOption(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
  setOption(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1);
  setOption(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, 30);
  setOption(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, 10);
  setOption(descriptor, IPPROTO_TCP, TCP_KEEPCNT, 3);
  setOption(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, 20'000);
}

/// 0, or the errno of the attempt; ECANCELED when no longer wanted.
int awaitConnection(int descriptor, Clock::time_point deadline, const std::atomic<bool>& stopping) {
  for (;;) {
    if (stopping) return ECANCELED;
    if (Clock::now() >= deadline) return ETIMEDOUT;
    pollfd waiting{descriptor, POLLOUT, 0};
    const int count =
        ::poll(&waiting, 1, static_cast<int>(std::min(kStopGlance, until(deadline)).count()));
    if (count < 0 && errno != EINTR) return errno;
    if (count <= 0) continue;
    int problem = 0;
    socklen_t size = sizeof problem;
    if (::getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &problem, &size) != 0) return errno;
    return problem;
  }
}

/// A connected descriptor, or minus errno.
int connectOne(const addrinfo& address, Clock::time_point deadline,
               const std::atomic<bool>& stopping) {
  Descriptor descriptor(
      ::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, address.ai_protocol));
  if (descriptor.get() < 0) return -errno;
  tune(descriptor.get());
  if (::connect(descriptor.get(), address.ai_addr, address.ai_addrlen) != 0) {
    if (errno != EINPROGRESS) return -errno;
    if (const int problem = awaitConnection(descriptor.get(), deadline, stopping); problem != 0)
      return -problem;
  }
  return descriptor.release();
}

std::string textOf(const addrinfo& address) {
  char host[NI_MAXHOST] = "?";
  ::getnameinfo(address.ai_addr, address.ai_addrlen, host, sizeof host, nullptr, 0, NI_NUMERICHOST);
  return host;
}

}  // namespace

Result<Descriptor> connectTcp(const std::string& host, const std::string& port,
                              milliseconds timeout, const std::atomic<bool>& stopping) {
  const Clock::time_point deadline = Clock::now() + timeout;
  auto addresses = addressesOf(host, port, deadline, stopping);
  if (!addresses) return addresses.error();
  int left = 0;
  for (const addrinfo* one = addresses->get(); one != nullptr; one = one->ai_next) ++left;
  std::string failures;
  for (const addrinfo* one = addresses->get(); one != nullptr; one = one->ai_next, --left) {
    const int outcome = connectOne(*one, Clock::now() + until(deadline) / left, stopping);
    if (outcome >= 0) return Descriptor(outcome);
    if (stopping) return cancelled();
    failures += (failures.empty() ? "" : "; ") + textOf(*one) + " port " + port + ": " +
                ::strerror(-outcome);
  }
  return unavailable(failures.empty() ? "the name " + host + " has no address" : failures);
}

}  // namespace agent
