#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "agent/panel/link.h"

namespace websocket_test {

/// A client under test: echoes what is sent to it.
class Subject {
 public:
  virtual ~Subject() = default;
  /// It connects to this URL soon.
  virtual void connect(const std::string& url) = 0;
  /// Waits until it noticed the end of its connection, or that it got none. Returns what it says of
  /// that; "(still there)" when it does not notice within 10 s.
  virtual std::string ending() = 0;
  /// Whether a bad message ends its connection; otherwise it answers "problem" and the number of
  /// the agent's FrameProblem.
  virtual bool isStrict() const = 0;
};

/// The program ws_echo.
std::unique_ptr<Subject> echoProgram();
/// PanelLink, with its own rules.
std::unique_ptr<Subject> panelLink();

}  // namespace websocket_test
