#pragma once

#include <memory>
#include <string>

#include "mock/mock_engine.h"
#include "mock/mock_stream.h"

namespace control::mock {

/// A pull makes its image visible when its end is read.
class ImagePull final : public QueueStream<PullStream, PullProgress> {
 public:
  /// With the mutex held.
  static std::unique_ptr<PullStream> open(const std::shared_ptr<Engine>& engine,
                                          const std::string& reference, const PullOptions& options,
                                          StreamFault fault);
  ~ImagePull() override { detach(); }

  Result<std::optional<PullProgress>> next(const CallContext& context) override;

 private:
  ImagePull(std::shared_ptr<Engine> engine, std::string reference, Duration idle_timeout,
            StreamFault fault);

  const std::string reference_;
  const Duration idle_timeout_;
  TimePoint heard_at_;
};

}  // namespace control::mock
