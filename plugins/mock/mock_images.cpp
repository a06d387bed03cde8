#include "mock/mock_images.h"

#include <algorithm>
#include <functional>

#include "mock/mock_error.h"
#include "mock/mock_random.h"

namespace control::mock {

bool isReference(std::string_view reference) {
  return !reference.empty() && std::all_of(reference.begin(), reference.end(),
                                           [](char c) { return c > ' ' && c < 0x7f; });
}

bool hasPart(std::string_view reference, std::string_view word) {
  reference = reference.substr(0, reference.find('@'));
  while (!reference.empty()) {
    const std::size_t end = std::min(reference.find('/'), reference.size());
    std::string_view part = reference.substr(0, end);
    reference.remove_prefix(std::min(end + 1, reference.size()));
    if (reference.empty()) part = part.substr(0, part.find(':'));
    if (part == word) return true;
  }
  return false;
}

std::string imageId(const std::string& reference) {
  return "sha256:" + Random(std::hash<std::string>()(reference)).id();
}

bool Images::present(const std::string& reference) const {
  if (const auto found = known_.find(reference); found != known_.end()) return found->second;
  return !hasPart(reference, "missing") && !hasPart(reference, "private") &&
         reference.find("pullable") == std::string::npos;
}

Result<ImageInfo> Images::find(const std::string& reference) const {
  if (!isReference(reference)) return invalid("image '" + reference + "' is not a reference");
  if (!present(reference)) return failure(ErrorCode::kImageNotFound, "no such image: " + reference);
  return ImageInfo{.id = imageId(reference), .references = {reference}, .size_bytes = 50 << 20};
}

Result<void> Images::checkPull(const std::string& reference, const PullOptions& options) {
  if (hasPart(reference, "missing"))
    return failure(ErrorCode::kImageNotFound, "the registry has no image " + reference);
  const bool wrong = options.credentials && options.credentials->password == "wrong";
  if (wrong || (hasPart(reference, "private") &&
                (!options.credentials || options.credentials->password.empty())))
    return failure(ErrorCode::kPermissionDenied, "the registry refuses the credentials");
  return {};
}

}  // namespace control::mock
