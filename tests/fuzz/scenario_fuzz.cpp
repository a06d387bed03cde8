#include "fuzz/fuzz_input.h"
#include "mock/mock_scenario.h"
#include "mock/mock_script.h"
#include "mock/mock_text.h"

using namespace control;
using namespace control::fuzz;

/// A scenario file is read or refused with the line of what is wrong; and the programs of its
/// containers, which are a shell's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = textOf(data, size);
  if (const auto scenario = mock::readScenario(text); !scenario) {
    require(scenario.error().code == ErrorCode::kInvalidArgument);
    require(scenario.error().message.find("line ") != std::string::npos);
  }
  (void)mock::parseScript(text);
  (void)mock::parseDuration(text);
  return 0;
}
