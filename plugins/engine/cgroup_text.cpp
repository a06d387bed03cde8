#include "engine/cgroup_text.h"

#include <algorithm>
#include <charconv>
#include <limits>

namespace control::engine {
namespace {

/// Takes the text up to `separator` off the front of `rest`; all of it when there is none.
std::string_view take(std::string_view& rest, char separator) noexcept {
  const std::size_t end = rest.find(separator);
  const std::string_view first = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  return first;
}

/// The next word, between any number of blanks; empty at the end.
std::string_view takeWord(std::string_view& rest) noexcept {
  const std::size_t start = rest.find_first_not_of(' ');
  if (start == std::string_view::npos) return rest = {};
  rest.remove_prefix(start);
  return take(rest, ' ');
}

std::optional<std::uint64_t> number(std::string_view text) noexcept {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc() || stop != end) return std::nullopt;
  return value;
}

bool add(std::uint64_t& sum, std::optional<std::uint64_t> value) noexcept {
  return value && !__builtin_add_overflow(sum, *value, &sum);
}

std::vector<std::string_view> splitWords(std::string_view text, char separator) {
  std::vector<std::string_view> words;
  while (!text.empty()) words.push_back(take(text, separator));
  return words;
}

/// mountinfo writes blanks and backslashes in paths as "\040": three octal digits.
std::string unescape(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  const auto octal = [](char digit) { return digit >= '0' && digit <= '7'; };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && text.size() - i > 3 && octal(text[i + 1]) && octal(text[i + 2]) &&
        octal(text[i + 3])) {
      plain += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                                 (text[i + 3] - '0'));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

/// Whether a path component is "<id>" or "<prefix>-<id>", with or without ".scope".
bool namesContainer(std::string_view component, std::string_view id) noexcept {
  constexpr std::string_view kScope = ".scope";
  if (component.ends_with(kScope)) component.remove_suffix(kScope.size());
  if (!component.ends_with(id)) return false;
  const std::string_view prefix = component.substr(0, component.size() - id.size());
  // Podman's monitor of a container has a scope of its own, "libpod-conmon-<id>.scope".
  return prefix.empty() || (prefix.ends_with('-') && !prefix.ends_with("conmon-"));
}

std::optional<CgroupMount> parseMountLine(std::string_view line) {
  // 31 23 0:28 /root /mount/point rw,relatime shared:8 - cgroup2 cgroup2 rw,cpu
  for (int skipped = 0; skipped < 3; ++skipped) takeWord(line);
  const std::string_view root = takeWord(line);
  const std::string_view mount_point = takeWord(line);
  const std::size_t separator = line.find(" - ");
  if (separator == std::string_view::npos) return std::nullopt;
  line.remove_prefix(separator + 3);
  const std::string_view type = takeWord(line);
  takeWord(line);
  const std::string_view options = takeWord(line);
  if (type != "cgroup" && type != "cgroup2") return std::nullopt;
  CgroupMount mount{type == "cgroup2", {}, unescape(root), unescape(mount_point)};
  if (!mount.unified)
    for (std::string_view option : splitWords(options, ',')) mount.controllers.emplace_back(option);
  return mount;
}

}  // namespace

std::optional<std::uint64_t> parseCount(std::string_view text) noexcept {
  if (text.ends_with('\n')) text.remove_suffix(1);
  return number(text);
}

std::optional<std::uint64_t> parseLimitV1(std::string_view text) noexcept {
  // The greatest signed number rounded down to a page, of at most 64 KiB.
  constexpr std::uint64_t kNoLimit = 0x7FFFFFFFFFFF0000;
  const std::optional<std::uint64_t> limit = parseCount(text);
  return limit && *limit < kNoLimit ? limit : std::nullopt;
}

std::optional<std::uint64_t> parseKeyed(std::string_view text, std::string_view key) noexcept {
  while (!text.empty()) {
    const std::string_view line = take(text, '\n');
    if (line.size() > key.size() && line[key.size()] == ' ' && line.starts_with(key))
      return number(line.substr(key.size() + 1));
  }
  return std::nullopt;
}

std::optional<Duration> nanoseconds(std::optional<std::uint64_t> count) noexcept {
  if (!count || *count > std::uint64_t(std::numeric_limits<std::int64_t>::max()))
    return std::nullopt;
  return Duration(static_cast<std::int64_t>(*count));
}

std::optional<Duration> microseconds(std::optional<std::uint64_t> count) noexcept {
  if (!count || *count > std::uint64_t(std::numeric_limits<std::int64_t>::max() / 1000))
    return std::nullopt;
  return Duration(static_cast<std::int64_t>(*count) * 1000);
}

std::optional<ByteCounters> parseNetDev(std::string_view text) noexcept {
  // Two lines of headings, then "  eth0: " and 8 figures received, 8 sent; bytes come first.
  constexpr int kSentBytes = 8;
  constexpr int kFigures = 16;
  if (take(text, '\n').empty() || take(text, '\n').empty()) return std::nullopt;
  ByteCounters sum;
  while (!text.empty()) {
    std::string_view line = take(text, '\n');
    if (line.find(':') == std::string_view::npos) return std::nullopt;
    std::string_view name = take(line, ':');
    const bool loopback = takeWord(name) == "lo";
    for (int figure = 0; figure < kFigures; ++figure) {
      const std::optional<std::uint64_t> value = number(takeWord(line));
      if (!value) return std::nullopt;
      if (loopback) continue;
      if (figure == 0 && !add(sum.read, value)) return std::nullopt;
      if (figure == kSentBytes && !add(sum.written, value)) return std::nullopt;
    }
  }
  return sum;
}

std::optional<ByteCounters> parseIoStat(std::string_view text) noexcept {
  ByteCounters sum;
  while (!text.empty()) {
    std::string_view line = take(text, '\n');
    // The device; some kernels write it with nothing behind it.
    if (takeWord(line).find(':') == std::string_view::npos) return std::nullopt;
    for (std::string_view word = takeWord(line); !word.empty(); word = takeWord(line)) {
      std::string_view value = word;
      const std::string_view key = take(value, '=');
      if (key == "rbytes" && !add(sum.read, number(value))) return std::nullopt;
      if (key == "wbytes" && !add(sum.written, number(value))) return std::nullopt;
    }
  }
  return sum;
}

std::optional<ByteCounters> parseBlkio(std::string_view text) noexcept {
  // "8:0 Read 4096" and other operations, device by device; the last line is "Total 4096".
  ByteCounters sum;
  bool complete = false;
  while (!text.empty()) {
    std::string_view line = take(text, '\n');
    const std::string_view device = takeWord(line);
    const std::string_view operation = takeWord(line);
    if (device == "Total") {
      complete = number(operation).has_value();
      continue;
    }
    const std::optional<std::uint64_t> value = number(takeWord(line));
    if (!value) return std::nullopt;
    if (operation == "Read" && !add(sum.read, value)) return std::nullopt;
    if (operation == "Write" && !add(sum.written, value)) return std::nullopt;
  }
  return complete ? std::optional(sum) : std::nullopt;
}

std::vector<CgroupLine> parseProcCgroup(std::string_view text) {
  constexpr std::string_view kDeleted = " (deleted)";
  std::vector<CgroupLine> lines;
  while (!text.empty()) {
    std::string_view line = take(text, '\n');
    const std::string_view hierarchy = take(line, ':');
    const std::string_view controllers = take(line, ':');
    if (!number(hierarchy) || !line.starts_with('/')) continue;
    if (line.ends_with(kDeleted)) line.remove_suffix(kDeleted.size());
    lines.push_back({hierarchy == "0" && controllers.empty(), splitWords(controllers, ','), line});
  }
  return lines;
}

std::vector<CgroupMount> parseCgroupMounts(std::string_view text) {
  std::vector<CgroupMount> mounts;
  while (!text.empty())
    if (std::optional<CgroupMount> mount = parseMountLine(take(text, '\n')))
      mounts.push_back(std::move(*mount));
  return mounts;
}

std::optional<std::string_view> cutAtContainer(std::string_view path,
                                               std::string_view container_id) noexcept {
  if (container_id.empty()) return std::nullopt;
  for (std::size_t start = 0; start < path.size();) {
    const std::size_t end = std::min(path.find('/', start), path.size());
    const std::string_view component = path.substr(start, end - start);
    if (component == "..") return std::nullopt;
    if (namesContainer(component, container_id)) return path.substr(0, end);
    start = end + 1;
  }
  return std::nullopt;
}

}  // namespace control::engine
