#include "mock/mock_pull.h"

#include <algorithm>
#include <utility>

#include "mock/mock_error.h"
#include "mock/mock_text.h"

namespace control::mock {

ImagePull::ImagePull(std::shared_ptr<Engine> engine, std::string reference, Duration idle_timeout,
                     StreamFault fault)
    : QueueStream(std::move(engine), nullptr, std::move(fault)),
      reference_(std::move(reference)),
      idle_timeout_(idle_timeout),
      heard_at_(engine_->clock().now()) {}

std::unique_ptr<PullStream> ImagePull::open(const std::shared_ptr<Engine>& engine,
                                            const std::string& reference,
                                            const PullOptions& options, StreamFault fault) {
  std::unique_ptr<ImagePull> pull(
      new ImagePull(engine, reference, options.idle_timeout, std::move(fault)));
  const auto checked = Images::checkPull(reference, options);
  constexpr std::int64_t kLayerBytes = 8 << 20;
  pull->attach();
  if (pull->over()) return pull;
  pull->items_.push_back({.status = "Pulling from " + reference});
  if (!checked) {
    pull->failure_ = checked.error();
    return pull;
  }
  for (const std::int64_t part : {0, 1, 2})
    for (const char* layer : {"layer1", "layer2"})
      pull->items_.push_back({.layer = layer,
                              .status = part == 2 ? "Pull complete" : "Downloading",
                              .current_bytes = kLayerBytes * part / 2,
                              .total_bytes = kLayerBytes});
  pull->ended_ = true;
  return pull;
}

Result<std::optional<PullProgress>> ImagePull::next(const CallContext& context) {
  const TimePoint idle_end = CallContext::after(heard_at_, idle_timeout_);
  CallContext capped = context;
  capped.deadline = std::min(context.deadline, idle_end);
  auto item = QueueStream::next(capped);
  const TimePoint now = engine_->clock().now();
  if (item) heard_at_ = now;
  const std::lock_guard lock(mutex());
  if (item && !*item) engine_->images().setPresent(reference_, true);
  const bool idle =
      !item && item.error().code == ErrorCode::kDeadlineExceeded && stalled() && now >= idle_end;
  if (!idle) return item;
  failure_ = failure(ErrorCode::kUnavailable,
                     "the registry sent nothing for " + seconds(idle_timeout_) + " s");
  return *failure_;
}

}  // namespace control::mock
