#include "agent/panel/dialer.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "agent/panel/tcp_connect.h"
#include "agent/panel/tls.h"

namespace agent {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

Dialed failed(std::string text) { return {.failure = {.text = std::move(text)}}; }

/// The time that one step has.
class Step {
 public:
  Step(milliseconds time, const std::atomic<bool>& stopping)
      : time_(time), deadline_(Clock::now() + time), stopping_(stopping) {}

  bool await(int descriptor, short events) const {
    while (!stopping_) {
      const auto left = std::chrono::ceil<milliseconds>(deadline_ - Clock::now());
      if (left.count() <= 0) return false;
      pollfd waiting{descriptor, events, 0};
      const int ready = ::poll(&waiting, 1, static_cast<int>(std::min(left, kStopGlance).count()));
      if (ready > 0) return true;
    }
    return false;
  }
  std::string missed(const std::string& what) const {
    return what + " took longer than the " + std::to_string(time_.count()) +
           " ms that the panel has";
  }

 private:
  const milliseconds time_;
  const Clock::time_point deadline_;
  const std::atomic<bool>& stopping_;
};

}  // namespace

Dialed Dialer::dial() {
  try {
    auto connected = connectTcp(target_.host, target_.port, settings_.timing.dial, stopping_);
    if (!connected) return failed(connected.error().message);
    if (!target_.secure) return upgrade(plainTransport(*std::move(connected)));
    const Step step(settings_.timing.dial, stopping_);
    auto secured = connectTls(
        *std::move(connected), target_.host, settings_.ca_file,
        [&step](int descriptor, short events) { return step.await(descriptor, events); });
    if (secured) return upgrade(*std::move(secured));
    return failed(secured.error().code == control::ErrorCode::kDeadlineExceeded
                      ? step.missed("TLS")
                      : secured.error().message);
  } catch (const std::exception& problem) {
    return failed(problem.what());
  }
}

Dialed Dialer::upgrade(std::unique_ptr<Transport> transport) const {
  static constexpr std::string_view kEndOfHead = "\r\n\r\n";
  const Step step(settings_.timing.dial, stopping_);
  const Upgrade upgrade(target_, settings_);
  std::string_view request = upgrade.request();
  std::string answer;
  std::size_t end = std::string::npos;
  char piece[4096];
  while (end == std::string::npos) {
    const bool writing = !request.empty();
    const std::size_t room = std::min(sizeof piece, Upgrade::kLongestHead - answer.size());
    const Io io = writing ? transport->write(request) : transport->read(piece, room);
    switch (io.state) {
      case Io::State::kMoved:
        break;
      case Io::State::kWait:
        if (step.await(transport->descriptor(),
                       writing ? transport->writeEvents() : transport->readEvents()))
          continue;
        return failed(step.missed("the upgrade"));
      case Io::State::kEnd:
        return failed("the panel closed the connection before it answered the upgrade");
      case Io::State::kBroken:
        return failed("the connection broke during the upgrade: " + io.problem);
    }
    if (writing) {
      request.remove_prefix(io.bytes);
      continue;
    }
    answer.append(piece, io.bytes);
    end = answer.find(kEndOfHead);
    if (end == std::string::npos && answer.size() >= Upgrade::kLongestHead)
      return failed("the head of the panel's answer to the upgrade is longer than 16 KiB");
  }
  end += kEndOfHead.size();
  if (auto failure = upgrade.refuses(answer.substr(0, end))) return {.failure = *failure};
  return {.transport = std::move(transport), .early = answer.substr(end)};
}

}  // namespace agent
