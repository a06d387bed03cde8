#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace agent {

/// Why a message is not done, in the words of the protocol: one of its error codes and a message
/// that says what was wrong and what would be right. Thrown by decoders and actions, turned into a
/// response in one place, the dispatcher.
class Refusal : public std::exception {
 public:
  Refusal(std::string code, std::string message)
      : code_(std::move(code)), message_(std::move(message)) {}

  const std::string& code() const noexcept { return code_; }
  const std::string& message() const noexcept { return message_; }
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  std::string code_;
  std::string message_;
};

}  // namespace agent
