#pragma once

#include <string>
#include <string_view>

#include <libcontrol/testing/mock_control.h>

namespace control::mock {

/// As a scenario's script has it: "oob_stop". Empty: there is no such kind.
std::string_view wordOf(testing::EngineAction::Kind kind);

/// For people, as "crash 'web'".
std::string wordsOf(const testing::EngineAction& action);

/// It is about a container that is there.
bool needsContainer(testing::EngineAction::Kind kind);

/// kInvalidArgument: what no engine could do.
Result<void> checkAction(const testing::EngineAction& action);

}  // namespace control::mock
