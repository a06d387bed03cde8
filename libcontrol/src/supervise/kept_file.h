#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <libcontrol/result.h>

namespace control {

// Files that keep something beyond the life of this process. Their text is sealed: lines of words,
// before them a title with a version, and a checksum behind them.

std::string seal(std::string_view title, int version, const std::string& lines);
/// The lines. kUnsupported: of a newer version. kInvalidArgument: damaged.
Result<std::string_view> unseal(std::string_view title, int version, std::string_view text);
Error damaged(const std::string& how);

std::vector<std::string_view> splitAt(char separator, std::string_view text);

/// Whether a loss of power may cost what was written last.
enum class Sync : int { kNo, kYes };
/// For the owner alone, in place of what is there: written beside it, synced, renamed, and the
/// directory synced. 0, or what went wrong.
int replaceFile(const std::string& path, std::string_view text, Sync sync = Sync::kYes);
/// For the owner alone; 0 as well when it is there.
int makeDirectory(const std::string& path);
/// 0 as well when there is none.
int removeFile(const std::string& path);
/// nullopt: there is none. The error's message says why it cannot be read.
Result<std::optional<std::string>> readFile(const std::string& path, std::size_t most_bytes);
/// Renames a file that is of no use; returns where it is now. nullopt: it could not be.
std::optional<std::string> putFileAside(const std::string& path);

std::string reasonOf(int error);

}  // namespace control
