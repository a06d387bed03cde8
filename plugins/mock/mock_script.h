#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <libcontrol/call.h>
#include <libcontrol/streams.h>
#include <libcontrol/types.h>

namespace control::mock {

struct Statement;
using Block = std::vector<Statement>;

/// One step of a program. Which fields count depends on the kind.
struct Statement {
  enum class Kind {
    kPrint,            ///< `text` to `source`
    kSleep,            ///< `duration` (absent: for ever) in the foreground
    kBackgroundSleep,  ///< the same beside the program
    kWait,             ///< for all background sleeps
    kStatus,           ///< true, false, `:`
    kExit,             ///< with `code`, else the last status
    kTrap,             ///< `body` on each of `signals`; empty body: ignored; `resets`: default
    kLoop,             ///< `body` for ever
    kKillSelf,         ///< signals.front()
    kCopyInput,        ///< cat: standard input to standard output until its end
    kServe,            ///< runs until it is told to end
  };
  Kind kind = Kind::kStatus;
  std::string text{};
  OutputSource source = OutputSource::kStdout;
  std::optional<Duration> duration{};
  std::optional<int> code{};
  std::vector<Signal> signals{};
  bool resets = false;
  bool replaces_shell = false;  ///< exec
  Block body{};
};

/// What a container or an exec session runs.
struct Program {
  enum class Kind {
    kUnderstood,  ///< `body` says what it does
    kServer,      ///< anything else: a well-behaved server
    kOpaque,      ///< a shell script with something in it that is not understood
    kMissing,     ///< a file that is not in the container
  };
  Kind kind = Kind::kServer;
  Block body{};
};

/// What a script can ask of the container that it runs in.
struct Surroundings {
  std::vector<std::pair<std::string, std::string>> environment{};  ///< the later one counts
  std::string working_directory{};                                 ///< empty: "/"
  std::string user{};                                              ///< empty: root
  std::string hostname{};
};

/// Reads a shell script made of what docs/mock.md lists: `trap`, `echo`, `sleep`, `exit`, loops
/// without conditions and the like. Nullopt: there is something else in it.
std::optional<Block> parseScript(std::string_view script, const Surroundings& surroundings = {});

/// What `argv` (entrypoint and command) does. Understood are `sh -c SCRIPT`, sleep, cat, echo,
/// true, false and the like, with or without a folder. A program is missing when a part of its path
/// holds "nosuch", "no-such", "missing", "nonexistent" or "does-not-exist".
Program parseCommand(const std::vector<std::string>& argv, const Surroundings& surroundings = {});

}  // namespace control::mock
