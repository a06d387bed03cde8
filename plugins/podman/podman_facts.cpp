#include "podman/podman_facts.h"

#include <system_error>

#include "engine/wakeup.h"

namespace control::podman {
namespace {

constexpr Duration kPatience = std::chrono::seconds(60);

}  // namespace

Result<ServiceInfo> ServiceFacts::of(const std::string& version, const CallContext& context) {
  const std::stop_callback wake(context.cancellation, [this] {
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
  });
  std::unique_lock lock(mutex_);
  if (answer_ && version_ == version) return answer_;
  const std::uint64_t question = answers_ + 1;
  while (answers_ < question) {
    if (context.cancellation.stop_requested()) return engine::cancelledError();
    if (context.deadline <= api_.clock().now()) return engine::deadlineError();
    if (!asking_) begin(version);
    if (asking_) api_.clock().waitUntil(lock, changed_, context.deadline);
  }
  return answer_;
}

void ServiceFacts::begin(const std::string& version) {
  try {
    // The one before has ended: it answered as the last thing it did.
    asker_ = std::jthread([this, version](const std::stop_token& stop) { ask(stop, version); });
    asking_ = true;
  } catch (const std::system_error& error) {
    ++answers_;
    answer_ = Error{.code = ErrorCode::kResourceExhausted,
                    .message = std::string("no thread to ask the service with: ") + error.what()};
  }
}

void ServiceFacts::ask(const std::stop_token& stop, const std::string& version) {
  CallContext context = CallContext::within(kPatience, api_.clock());
  context.cancellation = stop;
  auto text = api_.get("/info", Subject::kEngine, context);
  auto info = text ? parseInfo(std::move(*text)) : Result<ServiceInfo>(text.error());
  // The minute was ours, not that of whoever waits.
  if (!info && info.error().code == ErrorCode::kDeadlineExceeded)
    info = Error{.code = ErrorCode::kUnavailable,
                 .message = "the service did not say in a minute what it is"};
  const std::lock_guard lock(mutex_);
  asking_ = false;
  ++answers_;
  answer_ = std::move(info);
  version_ = version;
  changed_.notify_all();
}

}  // namespace control::podman
