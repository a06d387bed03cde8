#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace test_support {

/// One frame as it came over the wire, unmasked.
struct WsFrame {
  int first_byte = 0;
  bool masked = false;
  std::string payload;

  int opcode() const { return first_byte & 0x0F; }
  /// Of a close frame; 1005 when it has none.
  int closeCode() const;
};

/// A frame as bytes, as a server sends it.
std::string wsFrame(int first_byte, std::string_view payload);
std::string wsClose(int code, std::string_view reason = "");

inline constexpr int kText = 0x81, kTextStart = 0x01, kMiddle = 0x00, kEnd = 0x80;
inline constexpr int kBinary = 0x82, kPing = 0x89, kPong = 0x8A;

/// The panel's end of one connection, on raw sockets, byte by byte as the test wants it. Every call
/// gives up after 10 s.
class WsConnection {
 public:
  explicit WsConnection(int descriptor);
  ~WsConnection();
  WsConnection(WsConnection&&) noexcept;
  WsConnection& operator=(WsConnection&&) noexcept;

  /// Reads the request's head. Names of headers in lower case; "" is the request line.
  std::map<std::string, std::string> readRequest();
  /// Reads the request, answers 101, and in the same segment sends `glued`.
  std::map<std::string, std::string> accept(std::string_view glued = "");
  /// The lines that accept the request, without the empty one at their end.
  static std::string acceptance(std::map<std::string, std::string>& request);
  /// Reads the request and answers something else.
  void refuse(const std::string& status, const std::string& headers = "");

  void write(std::string_view bytes);
  void text(std::string_view message) { write(wsFrame(kText, message)); }
  /// The next frame; nothing at the end of the stream or after `patience`.
  std::optional<WsFrame> read(std::chrono::milliseconds patience = std::chrono::seconds(10));
  /// The next bytes as they come; fewer at the end of the stream.
  std::string readRaw(std::size_t size);
  /// The next text message that is not a heartbeat and not a greeting ("hello", "beat").
  std::string readText();
  int descriptor() const { return descriptor_; }
  /// Ends our side of the stream; the other goes on.
  void endSending();
  /// Ends the stream both ways, also under a call in another thread.
  void endBoth();
  /// Whether the other end closes within `patience`; what comes before is read and forgotten.
  bool ended(std::chrono::milliseconds patience = std::chrono::seconds(10));

 private:
  bool fill(std::chrono::steady_clock::time_point deadline);

  int descriptor_;
  std::string buffer_;
};

/// Listens on a port of its own on 127.0.0.1.
class WsPeer {
 public:
  /// `receive_buffer` 0: the system's default.
  explicit WsPeer(int receive_buffer = 0);
  ~WsPeer();
  WsPeer(const WsPeer&) = delete;
  WsPeer& operator=(const WsPeer&) = delete;

  std::string url(const std::string& path = "/agents") const;
  int port() const { return port_; }
  /// The next connection; nothing after `patience`.
  std::optional<WsConnection> next(std::chrono::milliseconds patience = std::chrono::seconds(10));

 private:
  int listener_;
  int port_;
};

}  // namespace test_support
