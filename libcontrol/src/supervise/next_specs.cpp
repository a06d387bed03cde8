#include "supervise/next_specs.h"

#include <cerrno>
#include <filesystem>
#include <utility>

#include "supervise/escape.h"
#include "supervise/kept_file.h"
#include "supervise/spec_text.h"

namespace control {
namespace {

constexpr std::string_view kNextSpecTitle = "libcontrol-next-spec";
constexpr int kNextSpecVersion = 1;
constexpr std::size_t kNextSpecMostBytes = std::size_t{64} << 20;
constexpr std::string_view kEnding = ".spec";
// Where the two specifications begin.
constexpr std::string_view kNext = "next\n";
constexpr std::string_view kPrevious = "previous\n";

ErrorCode codeOf(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
      return ErrorCode::kResourceExhausted;
    case EACCES:
    case EPERM:
    case EROFS:
      return ErrorCode::kPermissionDenied;
    default:
      return ErrorCode::kInternal;
  }
}

/// Takes what comes before `mark`, and the mark; nullopt: it is not there, or not at the beginning
/// of a line.
std::optional<std::string_view> takeUntil(std::string_view mark, std::string_view& text) {
  std::size_t at = text.find(mark);
  while (at != std::string_view::npos && at != 0 && text[at - 1] != '\n')
    at = text.find(mark, at + 1);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view before = text.substr(0, at);
  text.remove_prefix(at + mark.size());
  return before;
}

}  // namespace

std::string nextSpecToText(const NextSpec& next) {
  std::string lines = "replaces " + escape(next.replaces.value) + '\n';
  if (next.keeps_ports) lines += "keeps-ports\n";
  lines += std::string(kNext) + specToLines(next.spec);
  if (next.previous) lines += std::string(kPrevious) + specToLines(*next.previous);
  return seal(kNextSpecTitle, kNextSpecVersion, lines);
}

Result<NextSpec> nextSpecFromText(std::string_view text) {
  const auto lines = unseal(kNextSpecTitle, kNextSpecVersion, text);
  if (!lines) return lines.error();
  std::string_view rest = *lines;
  NextSpec next;
  const auto head = takeUntil(kNext, rest);
  if (!head) return damaged("it holds no specification");
  const auto first = splitAt('\n', *head);
  const auto replaced = splitAt(' ', first.front());
  const auto id = replaced.size() == 2 ? unescape(replaced[1]) : std::nullopt;
  next.keeps_ports = first.size() == 3 && first[1] == "keeps-ports";
  if (replaced.front() != "replaces" || !id || (first.size() != 2 && !next.keeps_ports))
    return damaged("it does not say what is replaced");
  next.replaces.value = *id;
  std::string_view behind = rest;
  const auto before = takeUntil(kPrevious, behind);
  auto spec = specFromLines(before.value_or(rest));
  if (!spec) return spec.error();
  next.spec = *std::move(spec);
  if (!before) return next;
  auto previous = specFromLines(behind);
  if (!previous) return previous.error();
  next.previous = *std::move(previous);
  return next;
}

std::string NextSpecs::pathOf(const std::string& entry) const {
  return directory_ + '/' + entry + std::string(kEnding);
}

std::map<std::string, NextSpec> NextSpecs::read() const {
  std::map<std::string, NextSpec> all;
  if (directory_.empty()) return all;
  std::error_code error;  // a directory that is not there holds nothing
  std::filesystem::directory_iterator one(directory_, error);
  for (; !error && one != std::filesystem::directory_iterator(); one.increment(error)) {
    const std::string name = one->path().filename();
    if (name.size() <= kEnding.size() || !name.ends_with(kEnding)) continue;
    const std::string entry = name.substr(0, name.size() - kEnding.size());
    const std::string path = pathOf(entry);
    const auto text = readFile(path, kNextSpecMostBytes);
    if (text && !*text) continue;
    auto next = text ? nextSpecFromText(**text) : text.error();
    if (next) {
      all.emplace(entry, *std::move(next));
      continue;
    }
    const auto aside = putFileAside(path);
    tell_("cannot use '" + path + "', which keeps a change of '" + entry +
          "' for its next start: " + next.error().message +
          (aside ? "; it is kept as '" + *aside + '\'' : "") +
          ", and the change has to be asked for again");
  }
  return all;
}

Result<void> NextSpecs::set(const std::string& entry, const NextSpec& next) const {
  if (directory_.empty()) return {};
  const std::string path = pathOf(entry);
  int error = makeDirectory(directory_);
  if (error == 0) error = replaceFile(path, nextSpecToText(next));
  if (error == 0) return {};
  return Error{.code = codeOf(error),
               .message = "cannot keep what its next container is made from in '" + path +
                          "': " + reasonOf(error)};
}

void NextSpecs::erase(const std::string& entry) const {
  if (directory_.empty()) return;
  const std::string path = pathOf(entry);
  const int error = removeFile(path);
  if (error != 0 && error != ENOENT && error != ENOTDIR)
    tell_("cannot remove '" + path + "': " + reasonOf(error));
}

}  // namespace control
