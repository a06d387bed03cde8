#pragma once

#include <memory>
#include <string>

namespace agent::files {

/// SHA-256 of what is added.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void add(const void* bytes, std::size_t size);
  /// 64 hexadecimal digits; once, at the end.
  std::string finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string sha256(const std::string& bytes);
/// 64 hexadecimal digits in lower case.
bool isSha256(const std::string& text);

}  // namespace agent::files
