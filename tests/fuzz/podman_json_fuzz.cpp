#include "fuzz/fuzz_input.h"
#include "podman/podman_errors.h"
#include "podman/podman_json.h"

using namespace control;
using namespace control::podman;
using namespace control::fuzz;

/// Whatever the service says, each parser gives a value or an error with words.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(textOf(data, size));
  const auto read = [](const auto& result) {
    require(result.has_value() || !result.error().message.empty());
  };
  read(parseInspect(text));
  read(parseRunState(text));
  read(parseList(text));
  read(parseImage(text));
  read(parseInfo(text));
  read(parseExecState(text));
  read(parseEvent(text));
  read(parsePullStep(text));
  read(parseRemoved(text));
  read(parseStats(text, RunId{}, StatsDialect{.network_swapped = (size & 1) != 0}));
  constexpr Subject kSubjects[] = {Subject::kEngine, Subject::kContainer, Subject::kCreate,
                                   Subject::kStart,  Subject::kUpdate,    Subject::kImage,
                                   Subject::kPull,   Subject::kExec};
  constexpr int kStatuses[] = {400, 404, 409, 500};
  (void)errorFromReply(kStatuses[size % 4], text, kSubjects[size % 8]);
  (void)pullError(text);
  (void)speaksOfState(text);
  return 0;
}
