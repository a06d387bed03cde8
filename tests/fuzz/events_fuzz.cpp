#include <vector>

#include "docker/docker_json.h"
#include "engine/framing.h"
#include "fuzz/fuzz_input.h"
#include "podman/podman_json.h"

using namespace control;
using namespace control::fuzz;

namespace {

constexpr std::size_t kMaxLine = 4096;

struct Lines {
  std::vector<std::string> lines{};
  bool failed = false;
  bool operator==(const Lines&) const = default;
};

template <class Feed>
Lines split(Feed feed) {
  engine::LineSplitter splitter(kMaxLine);
  Lines all;
  feed([&](std::string_view bytes) {
    if (all.failed) return;
    splitter.feed(bytes);
    for (;;) {
      auto line = splitter.next();
      if (!line) all.failed = true;
      if (!line || !*line) return;
      require(!(*line)->empty() && (*line)->find('\n') == std::string::npos);
      all.lines.push_back(std::move(**line));
    }
  });
  return all;
}

}  // namespace

/// Lines of events and of pulls: the same however they arrive, each an event, nothing or an error.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = textOf(data, size);
  const Lines whole = split([&](auto feed) { feed(text); });
  require(whole == split([&](auto feed) { inPieces(text, feed); }));
  for (const std::string& line : whole.lines) {
    (void)docker::parseEvent(line);
    (void)docker::parsePullStep(line);
    (void)podman::parseEvent(line);
    (void)podman::parsePullStep(line);
  }
  return 0;
}
