#pragma once

#include <signal.h>

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include <libcontrol/result.h>

namespace control::conform {

/// Runs the suite in a child process and waits for its verdict: a plugin that ends the process has
/// no say in the exit code, and what it prints goes into files of the suite's own. Signals sent to
/// this process are passed on to the suite. Returns the exit code; a suite that a signal ended ends
/// this process by the same.
///
/// A behaviour that has not returned within `limit` fails, and the suite ends with it: SIGTERM has
/// it clean up. A suite that is to end and does not within kCleanUpLimit is killed, and at once by
/// a second SIGINT, SIGTERM or SIGHUP.
///
/// Call once, before there are threads.
Result<int> runApart(std::chrono::seconds limit, const std::function<int()>& suite);

inline constexpr std::chrono::seconds kCleanUpLimit{10};

/// The signals that end a run: SIGINT, SIGTERM, SIGHUP.
sigset_t endingSignals();

// ---- In the suite's process. Any thread. ----

/// What runs from now on, for whoever has to say where the process ended. Lives for ever.
void nowRuns(const char* behaviour);

/// Ends the process, with that verdict.
[[noreturn]] void endSuite(int verdict);

/// On the program's stdout and stderr: those of the suite's process are the plugin's.
void say(std::string_view text);
void complain(std::string_view text);

/// What was written to descriptor 1 (stdout) or 2 (stderr) since it was last asked for.
std::string printedOn(int descriptor);

}  // namespace control::conform
