#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace agent::files {

/// `prefix` and 32 hexadecimal digits that no other name has: the first half is this process's, the
/// second is random.
std::string temporaryName(const std::string& prefix);

/// Whether a process before this one gave that name: it is no more, and nobody else removes what
/// bears it.
bool isLeftOver(std::string_view name, std::string_view prefix);
/// Those in the directory.
std::vector<std::string> namesLeftOver(int directory, std::string_view prefix);

/// `count` of them, at random; an even number.
std::string hexDigits(std::size_t count);

}  // namespace agent::files
