#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <libcontrol/testing/mock_control.h>

#include "mock/mock_images.h"
#include "mock/mock_process.h"
#include "mock/mock_profile.h"

namespace control::mock {

/// What a scenario file says, checked as far as can be without an engine. docs/mock.md describes
/// the file.
struct Scenario {
  struct InitialContainer {
    ContainerSpec spec{};
    bool running = false;
    std::optional<ProcessEnd> exit{};  ///< it ran, and ended so
    std::size_t line = 0;
  };
  struct Step {
    Duration at{};
    testing::EngineAction action{};
    std::size_t line = 0;
  };
  struct LinedRule {
    testing::Rule rule{};
    std::size_t line = 0;
  };

  std::optional<std::uint64_t> seed{};
  std::string clock{};  ///< "real", "virtual", "auto"; empty: not said
  const Profile* profile = nullptr;
  std::vector<std::pair<std::string, ImageFacts>> images{};
  std::vector<InitialContainer> containers{};
  std::vector<LinedRule> rules{};
  std::vector<Step> script{};
};

/// Reads the text of a scenario file. No I/O, any bytes.
/// kInvalidArgument: "line N: " and what is wrong there; an unknown key is named, with those that
/// are known.
Result<Scenario> readScenario(std::string_view text);

/// Every key and word that a scenario may hold, as "rules[].when.nth" and "script[].do=crash": for
/// the test that each has an effect.
std::vector<std::string> scenarioOptions();

bool isClockWord(std::string_view word);
inline constexpr std::string_view kClockWords = "real, virtual or auto";

}  // namespace control::mock
