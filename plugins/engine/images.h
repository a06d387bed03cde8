#pragma once

#include <string>
#include <vector>

#include <libcontrol/images.h>

#include "engine/http_client.h"
#include "engine/json.h"
#include "engine/request_body.h"

namespace control::engine {

/// What inspecting an image gives; Docker and Podman write it alike.
Result<ImageInfo> parseImage(std::string text);
/// The rows of a list of images.
Result<std::vector<ImageInfo>> parseImageList(std::string text);

/// The images of an engine whose requests go through `Api`.
template <class Api, class Subject, Subject kImage>
class ApiImageStore final : public ImageStore {
 public:
  explicit ApiImageStore(Api& api) : api_(api) {}

  Result<std::vector<ImageInfo>> listImages(const CallContext& context) override {
    auto reply = api_.get("/images/json", kImage, context);
    if (!reply) return reply.error();
    return parseImageList(std::move(*reply));
  }

  Result<RemoveOutcome> removeImage(const std::string& reference,
                                    const CallContext& context) override {
    if (auto checked = checkReference(reference); !checked) return checked.error();
    auto reply = api_.expectSuccess({.method = Method::kDelete, .target = "/images/" + reference},
                                    kImage, context);
    if (reply) return RemoveOutcome::kRemoved;
    if (reply.error().code == ErrorCode::kImageNotFound) return RemoveOutcome::kAbsent;
    return reply.error();
  }

 private:
  Api& api_;
};

}  // namespace control::engine
