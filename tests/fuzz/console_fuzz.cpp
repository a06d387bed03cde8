#include <vector>

#include "fuzz/fuzz_input.h"
#include "supervise/console_log.h"

using namespace control;
using namespace control::fuzz;

namespace {

std::vector<std::string> linesOf(OutputSource source, std::string_view text, bool in_pieces) {
  LineAssembler assembler;
  std::vector<std::string> lines;
  const auto sink = [&](const LineAssembler::Line& line) {
    std::string scratch;
    require(asUtf8(line.text, scratch) == line.text);
    require(line.text.size() <= 3 * LineAssembler::kLongestLine);
    lines.push_back(std::string(line.text) + (line.cut ? "+" : ""));
  };
  const auto feed = [&](std::string_view bytes) {
    assembler.feed({.source = source, .bytes = std::string(bytes)}, sink);
  };
  if (in_pieces)
    inPieces(text, feed);
  else
    feed(text);
  assembler.flush(sink);
  return lines;
}

/// With the head and the checksum that a console's file has.
std::string asFile(std::string_view body) {
  std::uint64_t sum = 0xcbf29ce484222325;
  for (const char c : body) sum = (sum ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  std::string file = "libcontrol console 1\n" + std::string(body);
  file.append(reinterpret_cast<const char*>(&sum), sizeof sum);
  return file;
}

void loadAnd(std::string_view file) {
  ConsoleLog log(16 * 1024);
  if (!log.load(file)) return;
  log.open({"abc"}, RunId{.container = {"abc"}, .started_at = {}});
  log.accept({.bytes = "a line\n", .at = WallTime(std::chrono::hours(1))});
  ConsolePage page;
  log.read({.lines = 1000}, page);
  require(!page.lines.empty());
}

}  // namespace

/// Lines are the same however their bytes arrive, and a file that holds anything is refused or
/// read.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = textOf(data, size);
  for (const OutputSource source : {OutputSource::kStdout, OutputSource::kConsole})
    require(linesOf(source, text, false) == linesOf(source, text, true));
  loadAnd(text);
  loadAnd(asFile(text));
  return 0;
}
