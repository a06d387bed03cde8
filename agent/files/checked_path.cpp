#include "agent/files/checked_path.h"

#include <algorithm>

#include "agent/panel/refusal.h"
#include "agent/utf8.h"

namespace agent::files {
namespace {

[[noreturn]] void forbid(const std::string& reason) { throw Refusal("PATH_FORBIDDEN", reason); }

void checkPart(std::string_view part) {
  if (part == "..")
    forbid("a path must not hold '..'; give it from the server's directory downwards");
  if (part.size() > CheckedPath::kLongestName)
    forbid("a name in the path is longer than " + std::to_string(CheckedPath::kLongestName) +
           " bytes");
}

}  // namespace

CheckedPath CheckedPath::parse(std::string_view text) {
  if (text.size() > kLongest)
    forbid("the path is longer than " + std::to_string(kLongest) + " bytes");
  if (text.find('\0') != std::string_view::npos) forbid("the path holds a NUL character");
  if (!isUtf8(text)) forbid("the path is not valid UTF-8");
  std::string joined;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('/'), text.size());
    const std::string_view part = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (part.empty() || part == ".") continue;
    checkPart(part);
    if (joined.empty() && part == kStagingName)
      forbid("'/" + std::string(part) + "' belongs to the agent; choose another path");
    if (!joined.empty()) joined += '/';
    joined += part;
  }
  return CheckedPath(std::move(joined));
}

std::string CheckedPath::name() const {
  const std::size_t slash = text_.rfind('/');
  return slash == std::string::npos ? text_ : text_.substr(slash + 1);
}

CheckedPath CheckedPath::parent() const {
  const std::size_t slash = text_.rfind('/');
  return CheckedPath(slash == std::string::npos ? std::string() : text_.substr(0, slash));
}

CheckedPath CheckedPath::child(std::string_view name) const {
  if (name.find('/') != std::string_view::npos) forbid("a name must not hold '/'");
  return parse(text_ + '/' + std::string(name));
}

bool CheckedPath::isIn(const CheckedPath& other) const noexcept {
  if (other.isRoot()) return true;
  if (!text_.starts_with(other.text_)) return false;
  return text_.size() == other.text_.size() || text_[other.text_.size()] == '/';
}

std::size_t CheckedPath::depth() const noexcept {
  if (isRoot()) return 0;
  return 1 + static_cast<std::size_t>(std::count(text_.begin(), text_.end(), '/'));
}

}  // namespace agent::files
