#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace agent::files {

/// In a server's root directory: what the agent is in the middle of making. No path leads into it.
inline constexpr std::string_view kStagingName = ".ctrl-alt-play";

/// A path below a server's root directory, checked once when it is read. Operations on files take
/// nothing else, so that no unchecked text reaches the kernel. Which file it leads to is decided by
/// the kernel alone (openat2), when it is used.
class CheckedPath {
 public:
  static constexpr std::size_t kLongest = 4096;
  static constexpr std::size_t kLongestName = 255;

  /// `/a/b`, `a/b`, `./a//b/` are the same; empty, `/` and `.` are the root itself.
  /// Refusal PATH_FORBIDDEN: too long, NUL, not UTF-8, `..`, or into kStagingName.
  static CheckedPath parse(std::string_view text);
  static CheckedPath root() { return CheckedPath(); }

  bool isRoot() const noexcept { return text_.empty(); }
  /// Relative to the root's descriptor: `a/b`, `.` for the root.
  const char* relative() const noexcept { return isRoot() ? "." : text_.c_str(); }
  /// As panels are told: `/a/b`.
  std::string shown() const { return '/' + text_; }
  /// The last part; empty for the root.
  std::string name() const;
  /// Without the last part; the root's is the root.
  CheckedPath parent() const;
  /// This with one more part, `name` being one of a directory's names. Checked like parse().
  CheckedPath child(std::string_view name) const;
  /// Whether this is `other` or below it.
  bool isIn(const CheckedPath& other) const noexcept;
  std::size_t depth() const noexcept;

  friend bool operator==(const CheckedPath&, const CheckedPath&) = default;

 private:
  CheckedPath() = default;
  explicit CheckedPath(std::string text) : text_(std::move(text)) {}

  std::string text_;  ///< parts, one '/' between them
};

}  // namespace agent::files
