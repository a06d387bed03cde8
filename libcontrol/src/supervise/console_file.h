#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace control {

/// A name for each entry's file, whatever the entry is called.
std::string consoleFileName(std::string_view entry);

/// Nullopt: there is none, or none that can be read.
std::optional<std::string> readConsoleFile(const std::string& path);
/// Puts `bytes` in the place of the file at once; makes its directory (for this user alone). False:
/// it could not, and the old file is as it was.
bool writeConsoleFile(const std::string& path, std::string_view bytes);
void removeConsoleFile(const std::string& path);

}  // namespace control
