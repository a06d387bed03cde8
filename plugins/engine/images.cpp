#include "engine/images.h"

#include <utility>

#include "engine/reply.h"

namespace control::engine {
namespace {

/// Also takes `<none>:<none>`, by which older engines call an image without a name, for none.
void addReferences(JsonValue list, std::vector<std::string>& references) {
  list.forEachElement([&](JsonValue one) {
    std::string reference = one.stringOrEmpty();
    if (!reference.empty() && !reference.starts_with("<none>"))
      references.push_back(std::move(reference));
  });
}

ImageInfo readImage(JsonValue root) {
  ImageInfo image;
  image.id = root["Id"].stringOrEmpty();
  addReferences(root["RepoTags"], image.references);
  addReferences(root["RepoDigests"], image.references);
  image.size_bytes = root["Size"].integer().value_or(0);
  return image;
}

Error withoutId() {
  return {.code = ErrorCode::kInternal, .message = "the engine's answer has no 'Id'"};
}

}  // namespace

Result<ImageInfo> parseImage(std::string text) {
  auto document = JsonDocument::parse(std::move(text));
  if (!document) return document.error();
  ImageInfo image = readImage(document->root());
  if (image.id.empty()) return withoutId();
  image.stop_signal = readSignal(document->root()["Config"]["StopSignal"]);
  return image;
}

Result<std::vector<ImageInfo>> parseImageList(std::string text) {
  auto document = JsonDocument::parse(std::move(text));
  if (!document) return document.error();
  if (!document->root().isArray())
    return Error{.code = ErrorCode::kInternal, .message = "the engine's list of images is no list"};
  std::vector<ImageInfo> images;
  document->root().forEachElement([&](JsonValue row) { images.push_back(readImage(row)); });
  for (const ImageInfo& image : images)
    if (image.id.empty()) return withoutId();
  return images;
}

}  // namespace control::engine
