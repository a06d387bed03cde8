#include "mock/mock_pull.h"

#include <utility>

namespace control::mock {

std::unique_ptr<PullStream> ImagePull::open(const std::shared_ptr<Engine>& engine,
                                            const std::string& reference,
                                            const PullOptions& options) {
  std::unique_ptr<ImagePull> pull(new ImagePull(engine, reference));
  const auto checked = Images::checkPull(reference, options);
  constexpr std::int64_t kLayerBytes = 8 << 20;
  pull->attach();
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
  auto item = QueueStream::next(context);
  if (item && !*item) {
    const std::lock_guard lock(mutex());
    engine_->images().set(reference_, true);
  }
  return item;
}

}  // namespace control::mock
