#include "agent/log.h"

#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include "agent/utf8.h"

namespace agent::log {
namespace {

using std::chrono::steady_clock;

constexpr double kBurst = 20;
constexpr double kLinesPerSecond = 1;
/// With the rest of its line below what a pipe takes at once, when it takes anything (PIPE_BUF).
constexpr std::size_t kLongestMessage = 3'000;
constexpr int kPatienceMs = 100;

/// What one call site may still write.
struct Allowance {
  double lines = kBurst;
  steady_clock::time_point refilled = steady_clock::now();
  std::uint64_t held_back = 0;
};

spdlog::level::level_enum native(LogLevel level) {
  switch (level) {
    case LogLevel::kTrace:
      return spdlog::level::trace;
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
    case LogLevel::kOff:
      return spdlog::level::off;
  }
  return spdlog::level::info;
}

class Log {
 public:
  Log() : logger_("agent", std::make_shared<spdlog::sinks::stdout_sink_mt>()) {
    logger_.flush_on(spdlog::level::trace);
    setUp(LogLevel::kInfo, LogFormat::kText);
  }

  void setUp(LogLevel level, LogFormat format) {
    const std::lock_guard lock(mutex_);
    format_ = format;
    // The message is escaped, and for JSON brings its own fields, before it gets here.
    const char* pattern = format == LogFormat::kJson
                              ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})"
                              : "%Y-%m-%dT%H:%M:%S.%eZ %l %v";
    logger_.set_formatter(
        std::make_unique<spdlog::pattern_formatter>(pattern, spdlog::pattern_time_type::utc));
    logger_.set_level(native(level));
  }

  void hide(std::string secret) {
    const std::lock_guard lock(mutex_);
    secrets_.push_back(std::move(secret));
  }

  void write(LogLevel level, std::string_view component, std::string_view message,
             std::pair<const char*, int> site) {
    if (!logger_.should_log(native(level))) return;
    const std::lock_guard lock(mutex_);
    const auto held_back = admit(site);
    if (!held_back) return;
    if (!awaitRoom()) {
      ++lost_;
      return;
    }
    std::string text = escape(withoutSecrets(std::string(message)), format_, kLongestMessage);
    if (*held_back > 0) text += " (" + std::to_string(*held_back) + " such lines held back)";
    if (lost_ > 0)
      text += " (" + std::to_string(lost_) + " lines before it are lost: nobody read the log)";
    lost_ = 0;
    logger_.log(native(level), format_ == LogFormat::kJson
                                   ? R"("component":")" + escape(component, format_) +
                                         R"(","message":")" + text + '"'
                                   : escape(component, format_) + ": " + text);
  }

 private:
  /// How many lines were held back before this one; nothing when it is held back itself.
  std::optional<std::uint64_t> admit(std::pair<const char*, int> site) {
    Allowance& allowance = sites_[site];
    const auto now = steady_clock::now();
    const double elapsed = std::chrono::duration<double>(now - allowance.refilled).count();
    allowance.refilled = now;
    allowance.lines = std::min(kBurst, allowance.lines + elapsed * kLinesPerSecond);
    if (allowance.lines < 1) {
      ++allowance.held_back;
      return std::nullopt;
    }
    allowance.lines -= 1;
    return std::exchange(allowance.held_back, 0);
  }

  /// Whether a line can be written now. Work must not wait for whoever reads the log: the first
  /// line waits a little, those after it for nothing.
  bool awaitRoom() const {
    pollfd out{STDOUT_FILENO, POLLOUT, 0};
    return ::poll(&out, 1, lost_ == 0 ? kPatienceMs : 0) != 0;
  }

  std::string withoutSecrets(std::string text) const {
    for (const std::string& secret : secrets_) text = log::withoutSecret(std::move(text), secret);
    return text;
  }

  std::mutex mutex_;
  LogFormat format_ = LogFormat::kText;
  std::uint64_t lost_ = 0;  ///< since the last line that was written
  std::vector<std::string> secrets_;
  std::map<std::pair<const char*, int>, Allowance> sites_;
  spdlog::logger logger_;
};

/// Never destroyed: threads may still log while the program ends.
Log& theLog() {
  static Log& instance = *new Log;
  return instance;
}

std::string hexEscape(unsigned char byte, LogFormat format) {
  char text[8];
  std::snprintf(text, sizeof text, format == LogFormat::kJson ? "\\u%04x" : "\\x%02x", byte);
  return text;
}

/// C1 control characters: some terminals obey them.
bool isC1Control(std::string_view sequence) {
  return sequence.size() == 2 && sequence[0] == '\xC2' &&
         static_cast<unsigned char>(sequence[1]) < 0xA0;
}

}  // namespace

void setUp(LogLevel level, LogFormat format) { theLog().setUp(level, format); }
void hide(std::string secret) { theLog().hide(std::move(secret)); }

std::string withoutSecret(std::string text, std::string_view secret) {
  static constexpr std::string_view kHidden = "[secret]";
  if (secret.empty()) return text;
  for (std::size_t at = 0; (at = text.find(secret, at)) != std::string::npos; at += kHidden.size())
    text.replace(at, secret.size(), kHidden);
  return text;
}

void debug(std::string_view component, std::string_view message, const char* file, int line) {
  theLog().write(LogLevel::kDebug, component, message, {file, line});
}
void info(std::string_view component, std::string_view message, const char* file, int line) {
  theLog().write(LogLevel::kInfo, component, message, {file, line});
}
void warning(std::string_view component, std::string_view message, const char* file, int line) {
  theLog().write(LogLevel::kWarning, component, message, {file, line});
}
void error(std::string_view component, std::string_view message, const char* file, int line) {
  theLog().write(LogLevel::kError, component, message, {file, line});
}

std::string escape(std::string_view text, LogFormat format, std::size_t most) {
  std::string escaped;
  escaped.reserve(std::min(text.size(), most));
  while (!text.empty()) {
    if (escaped.size() >= most) return escaped + "...";
    const std::size_t length = utf8SequenceLength(text);
    const std::string_view sequence = text.substr(0, length == 0 ? 1 : length);
    const auto first = static_cast<unsigned char>(sequence[0]);
    if (length == 0 || isC1Control(sequence)) {
      escaped += hexEscape(static_cast<unsigned char>(sequence.back()), format);
    } else if (first < 0x20 || first == 0x7F) {
      escaped += first == '\n' ? "\\n" : first == '\t' ? "\\t" : hexEscape(first, format);
    } else if (first == '\\' || (first == '"' && format == LogFormat::kJson)) {
      escaped += '\\';
      escaped += sequence;
    } else {
      escaped += sequence;
    }
    text.remove_prefix(sequence.size());
  }
  return escaped;
}

}  // namespace agent::log
