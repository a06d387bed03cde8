#pragma once

#include <string>
#include <string_view>

namespace agent {

/// `image` with the registry and path that engines understand when they are left out.
std::string fullReference(std::string_view image);
/// A reference without its tag and digest.
std::string_view repositoryOf(std::string_view image);
/// The same for all ways to write one image: fullReference() with the tag that is meant.
std::string canonicalReference(std::string_view image);

}  // namespace agent
