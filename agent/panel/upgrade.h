#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace agent {

struct LinkSettings;

/// Why there is no connection.
struct DialFailure {
  std::string text;      ///< in words
  bool refused = false;  ///< the panel answered 401 or 403
  std::optional<std::chrono::milliseconds> retry_after{};
};

/// Where a URL leads.
struct Target {
  bool secure = false;
  std::string authority;  ///< as it stands in the URL
  std::string host;
  std::string port;
  std::string resource;  ///< path and query, nodeId appended
};
/// Of a URL that is none: no host.
Target targetOf(const LinkSettings& settings);

/// The opening handshake of RFC 6455, 4.1, as text: no I/O.
class Upgrade {
 public:
  /// A longer head of an answer is not read.
  static constexpr std::size_t kLongestHead = 16 * 1024;

  /// With a key that nobody can foresee.
  Upgrade(const Target& target, const LinkSettings& settings);

  const std::string& request() const { return request_; }
  /// Why `head`, the answer up to its empty line, makes no WebSocket; nothing when it makes one.
  std::optional<DialFailure> refuses(const std::string& head) const;

 private:
  std::string key_;
  std::string request_;
};

/// The value of a Retry-After header: seconds or an HTTP date.
std::optional<std::chrono::milliseconds> parseRetryAfter(const std::string& value,
                                                         std::chrono::system_clock::time_point now);

}  // namespace agent
