#include "docker/docker_errors.h"
#include "docker/docker_json.h"
#include "fuzz/fuzz_input.h"

using namespace control;
using namespace control::docker;
using namespace control::fuzz;

/// Whatever the engine says, each parser gives a value or an error with words.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(textOf(data, size));
  const auto read = [](const auto& result) {
    require(result.has_value() || !result.error().message.empty());
  };
  read(parseInspect(text));
  read(parseRunState(text));
  read(parseList(text));
  read(parseImage(text));
  read(parseWait(text));
  read(parseVersion(text));
  read(parseCgroupVersion(text));
  read(parseCreated(text));
  read(parseExecId(text));
  read(parseExecState(text));
  read(parseEvent(text));
  read(parsePullStep(text));
  read(parseStats(text, RunId{}));
  (void)parseTime(text);
  constexpr Subject kSubjects[] = {Subject::kEngine, Subject::kContainer, Subject::kCreate,
                                   Subject::kStart,  Subject::kImage,     Subject::kPull,
                                   Subject::kExec};
  constexpr int kStatuses[] = {400, 404, 409, 500};
  require(errorFromReply(kStatuses[size % 4], text, kSubjects[size % 7]).effect == Effect::kNone);
  (void)pullError(text);
  (void)speaksOfClientVersion(400, text);
  return 0;
}
