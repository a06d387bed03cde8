#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <libcontrol/result.h>

namespace control::engine {

enum class Method { kGet, kHead, kPost, kPut, kDelete };
std::string_view toString(Method method) noexcept;

/// What is asked of an engine. `target` is a path with its query, percent-encoded already.
struct HttpRequest {
  Method method = Method::kGet;
  std::string target{};
  std::string body{};
  std::string content_type{};
  std::vector<std::pair<std::string, std::string>> headers{};
  /// Ask for the connection itself after the head (101, or 200 without a length).
  bool hijack = false;
  bool changesNothing() const noexcept { return method == Method::kGet || method == Method::kHead; }
};

/// The request as bytes. `host` goes into the Host header.
std::string serialize(const HttpRequest& request, std::string_view host);

struct HttpHead {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers{};  ///< names in lower case

  /// The first header of that (lower-case) name.
  std::optional<std::string_view> header(std::string_view name) const noexcept;
  bool success() const noexcept { return status >= 200 && status < 300; }
};

/// Reads one HTTP/1.1 response from bytes as they arrive. Strict: whatever is cut, contradictory
/// or malformed is an error, never a short success.
class HttpReader {
 public:
  static constexpr std::size_t kMaxHeadBytes = 64 * 1024;

  /// `head_only`: the answer to a HEAD has no body whatever its headers say.
  explicit HttpReader(bool head_only = false) : head_only_(head_only) {}

  /// Takes all of `bytes` and appends what is body to `body`. kInternal: this is not HTTP.
  Result<void> feed(std::string_view bytes, std::string& body);

  /// The peer closed the connection. kUnavailable: before the end of the response.
  Result<void> finish();

  bool headComplete() const noexcept { return state_ > State::kHead; }
  bool complete() const noexcept { return state_ == State::kDone; }
  /// The bytes after the head are no HTTP body but the connection itself.
  bool hijacked() const noexcept { return hijacked_; }
  const HttpHead& head() const noexcept { return head_; }
  /// Whether another request may follow on the connection; known once complete.
  bool reusable() const noexcept { return reusable_ && complete(); }

 private:
  enum class State {
    kHead,
    kLength,
    kChunkSize,
    kChunkData,
    kChunkEnd,
    kTrailer,
    kUntilClose,
    kDone
  };

  Result<void> takeHead();
  Result<void> parseHead(std::string_view text);
  Result<void> parseHeaderLine(std::string_view line);
  Result<void> decideBody();
  Result<void> step(std::string_view& bytes, std::string& body);
  /// A line that ends with CRLF, assembled over calls; nullopt: not complete yet.
  Result<std::optional<std::string>> takeLine(std::string_view& bytes);

  const bool head_only_;
  State state_ = State::kHead;
  HttpHead head_{};
  std::string pending_{};   ///< an incomplete head or line
  std::uint64_t left_ = 0;  ///< of the body or of the chunk
  bool reusable_ = true;
  bool hijacked_ = false;
};

/// Percent-encodes everything but letters, digits and "-._~".
std::string percentEncoded(std::string_view text);

}  // namespace control::engine
