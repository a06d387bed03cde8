#include "agent/files/base64.h"
#include "agent/files/checked_path.h"
#include "agent/panel/refusal.h"
#include "agent/utf8.h"
#include "fuzz/fuzz_input.h"

using namespace control::fuzz;
using agent::files::CheckedPath;

namespace {

/// What a path must never hold, however it was written.
void requireHarmless(const CheckedPath& path) {
  const std::string relative = path.relative();
  require(!relative.empty() && relative.front() != '/' && relative.back() != '/');
  require(relative.size() <= CheckedPath::kLongest && agent::isUtf8(relative));
  require(relative.find('\0') == std::string::npos);
  const std::string framed = '/' + relative + '/';
  require(framed.find("/../") == std::string::npos);
  require(framed.find("//") == std::string::npos);
  require(path.isRoot() || framed.find("/./") == std::string::npos);
  require(!framed.starts_with("/.ctrl-alt-play/"));
}

void checkPath(const std::string& text) {
  try {
    const CheckedPath path = CheckedPath::parse(text);
    requireHarmless(path);
    requireHarmless(path.parent());
    require(CheckedPath::parse(path.shown()) == path);
    require(path.isIn(path.parent()));
    if (!path.isRoot()) require(path.parent().child(path.name()) == path);
  } catch (const agent::Refusal& refusal) {
    require(refusal.code() == "PATH_FORBIDDEN" && !refusal.message().empty());
  }
}

void checkBase64(const std::string& text) {
  require(agent::decodeBase64(agent::encodeBase64(text)) == text);
  const auto bytes = agent::decodeBase64(text);
  if (!bytes) return;
  const std::string again = agent::encodeBase64(*bytes);
  require(again.starts_with(text) || again == text);  // padding may have been missing
}

}  // namespace

/// Paths that a panel sends, and content in base64.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(textOf(data, size));
  checkPath(text);
  checkBase64(text);
  return 0;
}
