#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace agent {

enum class LogLevel : int { kTrace, kDebug, kInfo, kWarning, kError, kOff };
enum class LogFormat : int { kText, kJson };

/// The agent's log: one line a message on standard output, which journald keeps.
///
/// Text from elsewhere (panels, engines, containers) may be logged as it is: control characters and
/// invalid UTF-8 are escaped, so it can neither start a line nor reach a terminal. A call site that
/// repeats itself is limited to 20 lines at once and one a second; what was held back is counted in
/// the next line it gets. A message is cut at 3,000 bytes.
///
/// Threads:  any. Blocking: 100 ms at most, and only the first line that finds nobody reading a
/// full pipe. Errors: none; lines that cannot be written are lost, and counted in the next that
/// can.
namespace log {

/// Until this is called lines of kInfo and above are written as text.
void setUp(LogLevel level, LogFormat format);

/// Text that is never written: every occurrence in later lines becomes "[secret]".
void hide(std::string secret);

/// `text` with "[secret]" for every occurrence of `secret`.
std::string withoutSecret(std::string text, std::string_view secret);

void debug(std::string_view component, std::string_view message,
           const char* file = __builtin_FILE(), int line = __builtin_LINE());
void info(std::string_view component, std::string_view message, const char* file = __builtin_FILE(),
          int line = __builtin_LINE());
void warning(std::string_view component, std::string_view message,
             const char* file = __builtin_FILE(), int line = __builtin_LINE());
void error(std::string_view component, std::string_view message,
           const char* file = __builtin_FILE(), int line = __builtin_LINE());

/// `text` as it may stand in a line of the log (kText) or between the quotes of a JSON string
/// (kJson). Beyond `most` bytes of that it is cut, and ends in "...".
std::string escape(std::string_view text, LogFormat format, std::size_t most = SIZE_MAX);

}  // namespace log
}  // namespace agent
