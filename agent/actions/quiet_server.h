#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <libcontrol/supervisor.h>

#include "agent/files/patience.h"
#include "agent/panel/fields.h"

namespace agent {

/// What a server's console is told around a backup, so that it is not made of half a world.
struct ConsoleAround {
  std::vector<std::string> before{};  ///< as "save-off", "save-all"
  std::vector<std::string> after{};   ///< as "save-on"
  std::string saved{};  ///< text of the line that says that it has saved; empty: none is awaited
  std::chrono::milliseconds timeout{30'000};  ///< of that line
};

/// Reads `console`. INVALID_PAYLOAD.
ConsoleAround readConsoleAround(const Fields& payload, bool consoles_are_read);

/// A server that was told to hold still, as long as this lives; one that does not run is left as it
/// is.
class QuietServer {
 public:
  /// Writes the lines of `before` and waits for the one that says that all is saved. INVALID_STATE
  /// and TIMEOUT: it did not take them, ended, or did not say so; it is told what comes after all
  /// the same. Blocks.
  QuietServer(control::Supervisor& supervisor, std::string server_id, const ConsoleAround& around,
              const files::Patience& patience);
  ~QuietServer();
  QuietServer(const QuietServer&) = delete;
  QuietServer& operator=(const QuietServer&) = delete;

  bool wasTold() const noexcept { return told_; }

 private:
  void hush(const files::Patience& patience);
  void awaitSaved(std::uint64_t after, const files::Patience& patience) const;
  /// Whether the run that was told is over, also when another has begun.
  bool hasEnded() const;
  void release() noexcept;
  /// kWrongState: it does not run.
  control::Result<void> write(const std::string& line) const;

  control::Supervisor& supervisor_;
  const std::string server_id_;
  const ConsoleAround around_;
  bool told_ = false;
  std::optional<control::WallTime> run_began_{};  ///< the one that was told
};

}  // namespace agent
