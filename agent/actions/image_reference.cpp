#include "agent/actions/image_reference.h"

namespace agent {

std::string fullReference(std::string_view image) {
  const std::size_t slash = image.find('/');
  const std::string_view first = image.substr(0, slash);
  const bool has_registry =
      slash != std::string_view::npos &&
      (first.find('.') != std::string_view::npos || first.find(':') != std::string_view::npos ||
       first.find('*') != std::string_view::npos || first == "localhost");
  if (has_registry) return std::string(image);
  const bool official = slash == std::string_view::npos;
  return std::string(official ? "docker.io/library/" : "docker.io/") + std::string(image);
}

std::string_view repositoryOf(std::string_view image) {
  image = image.substr(0, image.find('@'));
  const std::size_t slash = image.rfind('/');
  const std::size_t tag = image.find(':', slash == std::string_view::npos ? 0 : slash);
  return image.substr(0, tag);
}

std::string canonicalReference(std::string_view image) {
  std::string full = fullReference(image);
  return repositoryOf(full).size() == full.size() ? full + ":latest" : full;
}

}  // namespace agent
