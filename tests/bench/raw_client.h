#pragma once

#include <string>
#include <string_view>

namespace control::bench {

/// The floor: HTTP over a Unix socket by send() and recv(), keep-alive, parsing nothing but where
/// an answer ends.
class RawClient {
 public:
  explicit RawClient(std::string socket_path);
  ~RawClient();
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  /// The size of the answer in bytes, headers included. Throws std::runtime_error.
  std::size_t get(std::string_view target);

  /// Sends a request whose answer never ends; read it with readSome().
  void open(std::string_view target);
  /// What has arrived since; empty when the peer closed.
  std::string readSome();

 private:
  void connect();
  void send(std::string_view target);

  std::string path_;
  int fd_ = -1;
  std::string answer_;
};

}  // namespace control::bench
