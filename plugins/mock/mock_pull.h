#pragma once

#include <memory>
#include <string>

#include "mock/mock_engine.h"
#include "mock/mock_stream.h"

namespace control::mock {

/// A pull makes its image visible when its end is read.
class ImagePull final : public QueueStream<PullStream, PullProgress> {
 public:
  static std::unique_ptr<PullStream> open(const std::shared_ptr<Engine>& engine,
                                          const std::string& reference, const PullOptions& options);
  ~ImagePull() override { detach(); }

  Result<std::optional<PullProgress>> next(const CallContext& context) override;

 private:
  ImagePull(std::shared_ptr<Engine> engine, std::string reference)
      : QueueStream(std::move(engine), nullptr), reference_(std::move(reference)) {}

  const std::string reference_;
};

}  // namespace control::mock
