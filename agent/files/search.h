#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/files/patience.h"
#include "agent/files/read.h"
#include "agent/files/server_root.h"

namespace agent::files {

struct SearchOptions {
  /// `*`, `?`, `[a-z]` for the name, brackets also as they stand; without `*` and `?` a part of it.
  std::string pattern{};
  std::string content{};  ///< text that the file holds; empty: any file or directory
  bool match_case = false;
  std::size_t limit = 100;
};

struct Match {
  std::string path{};  ///< `/a/b`
  EntryInfo entry{};
  std::int64_t line = 0;  ///< of `content`, from 1; 0: not searched for
  std::string text{};     ///< of that line, cut
};

struct SearchResult {
  std::vector<Match> matches{};
  bool complete = true;          ///< false: ended by the limit, by kMostContent or by time
  std::int64_t looked_at = 0;    ///< entries
  std::int64_t passed_over = 0;  ///< too large to look into, not readable, or with too long a path
};

/// Largest file that is looked into.
inline constexpr std::int64_t kMostSearched = 16 * 1024 * 1024;

/// What is found below the directory until there are enough or `patience` is late. INVALID_STATE:
/// stopped.
SearchResult search(const ServerRoot& root, const CheckedPath& path, const SearchOptions& options,
                    const Patience& patience);

}  // namespace agent::files
