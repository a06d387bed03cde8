#pragma once

#include <string>
#include <vector>

namespace websocket_test {

/// A frame that must come next: the first byte and the payload; of a close frame the code only.
struct Answer {
  int first_byte = 0x81;
  std::string payload{};
  int code = 0;
};

/// What a server sends, and what a client that echoes must answer, in this order.
struct Case {
  std::string name;
  std::string bytes;
  std::vector<Answer> answers;
  /// Of a client that goes on after a bad message; the same when empty.
  std::vector<Answer> lenient{};
  /// Whether the connection lives when all has been answered.
  bool goes_on = true;
  bool lenient_goes_on = true;
  /// Not for the link: what it answers depends on how much came together.
  bool for_program_only = false;
};

std::vector<Case> framingCases();
std::vector<Case> pingCases();
std::vector<Case> reservedCases();
std::vector<Case> fragmentCases();
std::vector<Case> utf8Cases();
std::vector<Case> closeCases();
std::vector<Case> limitCases();

}  // namespace websocket_test
