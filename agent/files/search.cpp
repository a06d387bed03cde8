#include "agent/files/search.h"

#include <fcntl.h>
#include <fnmatch.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

#include "agent/files/read.h"
#include "agent/files/tree.h"
#include "agent/lowered.h"
#include "agent/panel/json_plain.h"

namespace agent::files {
namespace {

constexpr std::size_t kStep = 256 * 1024;
constexpr std::size_t kLongestLine = 512;

/// Names hold brackets more often than patterns do: what has some is also looked for as it stands.
class NamePattern {
 public:
  NamePattern(const std::string& pattern, bool match_case) : match_case_(match_case) {
    const bool brackets = pattern.find('[') != std::string::npos;
    const bool part = pattern.find_first_of("*?") == std::string::npos;
    if (brackets || !part) either_.push_back(pattern);
    if (part)
      either_.push_back('*' + escaped(pattern, "\\[") + '*');
    else if (brackets)
      either_.push_back(escaped(pattern, "["));
  }

  bool matches(const char* name) const {
    return std::any_of(either_.begin(), either_.end(), [&](const std::string& pattern) {
      return ::fnmatch(pattern.c_str(), name, match_case_ ? 0 : FNM_CASEFOLD) == 0;
    });
  }

 private:
  static std::string escaped(const std::string& text, std::string_view what) {
    std::string safe;
    for (const char c : text) {
      if (what.find(c) != std::string_view::npos) safe += '\\';
      safe += c;
    }
    return safe;
  }

  bool match_case_;
  std::vector<std::string> either_{};
};

/// Finds a text in a file line by line, holding no more than a buffer of it.
class ContentSearch {
 public:
  ContentSearch(const std::string& wanted, bool match_case)
      : wanted_(match_case ? wanted : lowered(wanted)), match_case_(match_case) {}

  bool wanted() const { return !wanted_.empty(); }

  /// Whether the file holds it; `match` learns where. Absent: it was not read to its end.
  std::optional<bool> find(int fd, Match& match, const Patience& patience) {
    std::string window;
    std::int64_t line = 1;
    std::int64_t offset = 0;
    for (;;) {
      const std::size_t kept = window.size();
      window.resize(kept + kStep);
      const ssize_t got = ::pread(fd, window.data() + kept, kStep, offset);
      window.resize(kept + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
      if (got < 0 || patience.stopped() || patience.late()) return std::nullopt;
      if (got == 0) return false;
      if (window.find('\0', kept) != std::string::npos) return false;  // no text
      offset += got;
      const std::string haystack = match_case_ ? window : lowered(window);
      const std::size_t at = haystack.find(wanted_);
      if (at != std::string::npos) return tell(window, at, line, match);
      // What the next piece may complete stays, with the line it is in.
      const std::size_t newline = window.rfind('\n');
      const std::size_t most = std::max(wanted_.size(), kLongestLine);
      std::size_t keep = newline == std::string::npos ? window.size() : window.size() - newline - 1;
      keep = std::min(keep, most);
      keep = std::max(keep, std::min(wanted_.size() - 1, window.size()));
      line += std::count(window.begin(), window.end() - static_cast<std::ptrdiff_t>(keep), '\n');
      window.erase(0, window.size() - keep);
    }
  }

 private:
  static bool tell(const std::string& window, std::size_t at, std::int64_t line, Match& match) {
    match.line =
        line + std::count(window.begin(), window.begin() + static_cast<std::ptrdiff_t>(at), '\n');
    const std::size_t newline = at == 0 ? std::string::npos : window.rfind('\n', at - 1);
    const std::size_t begin = newline == std::string::npos ? 0 : newline + 1;
    const std::size_t end = std::min(window.find('\n', at), window.size());
    const std::size_t from = at - begin > kLongestLine / 2 ? at - kLongestLine / 2 : begin;
    match.text = window.substr(from, std::min(kLongestLine, end - from));
    return true;
  }

  std::string wanted_;
  bool match_case_;
};

bool holds(ContentSearch& content, const TreeWalk::Entry& entry, Match& match, SearchResult& result,
           const Patience& patience) {
  if (!isRegular(entry.status)) return false;
  if (entry.status.st_size > kMostSearched) return ++result.passed_over, false;
  const Descriptor file = openBeneath(entry.directory, entry.name, O_RDONLY, Links::kNone);
  if (!file || !isRegular(statusOf(file.get()))) return ++result.passed_over, false;
  const std::optional<bool> found = content.find(file.get(), match, patience);
  if (!found) ++result.passed_over;
  return found.value_or(false);
}

}  // namespace

SearchResult search(const ServerRoot& root, const CheckedPath& path, const SearchOptions& options,
                    const Patience& patience) {
  const Descriptor top = root.directory(path);
  const std::string prefix = path.isRoot() ? "/" : path.shown() + '/';
  const NamePattern pattern(options.pattern, options.match_case);
  ContentSearch content(options.content, options.match_case);
  TreeWalk walk(top.get(), path.isRoot(), TreeWalk::Missing::kCount);
  SearchResult result;
  std::size_t bytes = 0;
  while (const TreeWalk::Entry* entry = walk.next()) {
    ++result.looked_at;
    if (patience.late() || result.matches.size() >= options.limit ||
        bytes >= static_cast<std::size_t>(kMostContent)) {
      result.complete = false;
      break;
    }
    if (patience.stopped()) patience.check();
    if (!pattern.matches(entry->name)) continue;
    if (prefix.size() + entry->path.size() > CheckedPath::kLongest) {
      ++result.passed_over;  // no command could name it
      continue;
    }
    Match match{.path = prefix + entry->path, .entry = describe(entry->name, entry->status)};
    if (content.wanted() && !holds(content, *entry, match, result, patience)) continue;
    bytes += kPerEntry + encodedBytes(match.path) + encodedBytes(match.entry.name) +
             encodedBytes(match.text);
    result.matches.push_back(std::move(match));
  }
  if (patience.stopped()) patience.check();
  if (patience.late()) result.complete = false;
  result.passed_over += static_cast<std::int64_t>(walk.passedOver());
  return result;
}

}  // namespace agent::files
