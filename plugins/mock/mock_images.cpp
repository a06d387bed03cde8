#include "mock/mock_images.h"

#include <algorithm>
#include <cstdint>

#include "mock/mock_error.h"
#include "mock/mock_random.h"

namespace control::mock {

bool isReference(std::string_view reference) {
  return !reference.empty() && std::all_of(reference.begin(), reference.end(),
                                           [](char c) { return c > ' ' && c < 0x7f; });
}

Result<void> checkReference(const std::string& reference) {
  if (isReference(reference)) return {};
  return Error::invalid("image '" + reference + "' is not a reference");
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

std::string imageId(const std::string& reference, bool with_algorithm) {
  // FNV-1a: std::hash differs between machines.
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : reference) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return (with_algorithm ? "sha256:" : "") + Random(hash).id();
}

bool Images::present(const std::string& reference) const {
  if (const auto found = known_.find(reference); found != known_.end())
    return found->second.present;
  return !hasPart(reference, "missing") && !hasPart(reference, "private") &&
         reference.find("pullable") == std::string::npos;
}

Result<ImageInfo> Images::find(const std::string& reference) const {
  if (auto checked = checkReference(reference); !checked) return checked.error();
  if (!present(reference)) return failure(ErrorCode::kImageNotFound, "no such image: " + reference);
  const auto found = known_.find(reference);
  const ImageFacts facts = found == known_.end() ? ImageFacts{} : found->second;
  return ImageInfo{.id = idOf(reference),
                   .references = {reference},
                   .size_bytes = facts.size_bytes,
                   .stop_signal = facts.stop_signal};
}

std::optional<Signal> Images::stopSignal(const std::string& reference) const {
  const auto found = known_.find(reference);
  return found == known_.end() ? std::nullopt : found->second.stop_signal;
}

std::vector<ImageInfo> Images::list() const {
  std::vector<ImageInfo> images;
  for (const auto& [reference, facts] : known_)
    if (facts.present)
      images.push_back({.id = idOf(reference),
                        .references = {reference},
                        .size_bytes = facts.size_bytes,
                        .stop_signal = facts.stop_signal});
  return images;
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
