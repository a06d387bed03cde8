#include "engine/http_message.h"

#include <algorithm>
#include <charconv>

namespace control::engine {
namespace {

constexpr std::size_t kMaxHeaders = 256;
constexpr std::size_t kMaxLine = 4096;

Error notHttp(std::string why) {
  return {.code = ErrorCode::kInternal,
          .message = "the answer is not valid HTTP (" + std::move(why) +
                     "): is this the socket of a container engine?"};
}

std::string lowered(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool isTokenChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

std::optional<std::uint64_t> number(std::string_view text, int base) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::string_view toString(Method method) noexcept {
  switch (method) {
    case Method::kGet:
      return "GET";
    case Method::kHead:
      return "HEAD";
    case Method::kPost:
      return "POST";
    case Method::kPut:
      return "PUT";
    case Method::kDelete:
      return "DELETE";
  }
  return "GET";
}

std::string serialize(const HttpRequest& request, std::string_view host) {
  std::string out;
  out.reserve(256 + request.body.size());
  out.append(toString(request.method)).append(" ").append(request.target);
  out.append(" HTTP/1.1\r\nHost: ").append(host).append("\r\nUser-Agent: libcontrol\r\n");
  if (request.hijack) out.append("Connection: Upgrade\r\nUpgrade: tcp\r\n");
  for (const auto& [name, value] : request.headers)
    out.append(name).append(": ").append(value).append("\r\n");
  if (!request.content_type.empty())
    out.append("Content-Type: ").append(request.content_type).append("\r\n");
  if (!request.changesNothing())
    out.append("Content-Length: ").append(std::to_string(request.body.size())).append("\r\n");
  out.append("\r\n").append(request.body);
  return out;
}

std::optional<std::string_view> HttpHead::header(std::string_view name) const noexcept {
  for (const auto& [key, value] : headers)
    if (key == name) return value;
  return std::nullopt;
}

std::string percentEncoded(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return out;
}

Result<void> HttpReader::feed(std::string_view bytes, std::string& body) {
  while (!bytes.empty()) {
    if (auto stepped = step(bytes, body); !stepped) return stepped;
  }
  return {};
}

Result<void> HttpReader::finish() {
  if (state_ == State::kDone) return {};
  if (state_ == State::kUntilClose) {
    state_ = State::kDone;
    return {};
  }
  const bool nothing = state_ == State::kHead && pending_.empty();
  return Error{.code = ErrorCode::kUnavailable,
               .message = nothing ? "the engine closed the connection without an answer"
                                  : "the engine's answer was cut short"};
}

Result<void> HttpReader::step(std::string_view& bytes, std::string& body) {
  switch (state_) {
    case State::kHead: {
      const std::size_t search_from = pending_.size() < 3 ? 0 : pending_.size() - 3;
      const std::size_t before = pending_.size();
      pending_.append(bytes);
      const std::size_t end = pending_.find("\r\n\r\n", search_from);
      if (end == std::string::npos ? pending_.size() > kMaxHeadBytes : end > kMaxHeadBytes)
        return notHttp("the head is longer than 64 KiB");
      if (before < 7 && std::string_view("HTTP/1.").compare(
                            0, std::min<std::size_t>(7, pending_.size()), pending_, 0,
                            std::min<std::size_t>(7, pending_.size())) != 0)
        return notHttp("it does not begin with HTTP/1.");
      if (end == std::string::npos) {
        bytes = {};
        return {};
      }
      bytes.remove_prefix(end + 4 - before);
      pending_.resize(end);
      return takeHead();
    }
    case State::kLength:
    case State::kChunkData: {
      const std::size_t take =
          static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
      body.append(bytes.substr(0, take));
      bytes.remove_prefix(take);
      left_ -= take;
      if (left_ == 0) state_ = state_ == State::kLength ? State::kDone : State::kChunkEnd;
      return {};
    }
    case State::kUntilClose:
      body.append(bytes);
      bytes = {};
      return {};
    case State::kChunkSize: {
      auto line = takeLine(bytes);
      if (!line) return line.error();
      if (!*line) return {};
      const std::string_view text = **line;
      const auto size = number(trimmed(text.substr(0, text.find(';'))), 16);
      if (!size) return notHttp("a chunk has no size");
      left_ = *size;
      state_ = left_ == 0 ? State::kTrailer : State::kChunkData;
      return {};
    }
    case State::kChunkEnd: {
      auto line = takeLine(bytes);
      if (!line) return line.error();
      if (!*line) return {};
      if (!(*line)->empty()) return notHttp("a chunk is longer than it says");
      state_ = State::kChunkSize;
      return {};
    }
    case State::kTrailer: {
      auto line = takeLine(bytes);
      if (!line) return line.error();
      if (*line && (*line)->empty()) state_ = State::kDone;
      return {};
    }
    case State::kDone:
      // Bytes that nobody asked for: this connection is out of step.
      reusable_ = false;
      bytes = {};
      return {};
  }
  return {};
}

Result<std::optional<std::string>> HttpReader::takeLine(std::string_view& bytes) {
  const std::size_t end = bytes.find('\n');
  pending_.append(bytes.substr(0, end == std::string_view::npos ? bytes.size() : end + 1));
  bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end + 1);
  if (pending_.size() > kMaxLine) return notHttp("a line is too long");
  if (end == std::string_view::npos) return std::optional<std::string>();
  if (pending_.size() < 2 || pending_[pending_.size() - 2] != '\r')
    return notHttp("a line does not end with CRLF");
  pending_.resize(pending_.size() - 2);
  return std::optional<std::string>(std::exchange(pending_, {}));
}

Result<void> HttpReader::takeHead() {
  const std::string text = std::exchange(pending_, {});
  if (auto parsed = parseHead(text); !parsed) return parsed;
  // 100 Continue and its like announce the real head.
  if (head_.status < 200 && head_.status != 101) {
    head_ = {};
    return {};
  }
  return decideBody();
}

Result<void> HttpReader::parseHead(std::string_view text) {
  std::size_t end = std::min(text.find("\r\n"), text.size());
  const std::string_view status_line = text.substr(0, end);
  // "HTTP/1.1 200 OK"; the reason may be missing.
  const bool version_known =
      status_line.starts_with("HTTP/1.1 ") || status_line.starts_with("HTTP/1.0 ");
  const auto status =
      status_line.size() >= 12 ? number(status_line.substr(9, 3), 10) : std::nullopt;
  if (!version_known || !status || *status < 100 ||
      (status_line.size() > 12 && status_line[12] != ' '))
    return notHttp("the status line is malformed");
  head_.status = static_cast<int>(*status);
  if (status_line[7] == '0') reusable_ = false;
  while (end < text.size()) {
    const std::size_t begin = end + 2;
    end = std::min(text.find("\r\n", begin), text.size());
    if (auto parsed = parseHeaderLine(text.substr(begin, end - begin)); !parsed) return parsed;
  }
  return {};
}

Result<void> HttpReader::parseHeaderLine(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0 ||
      !std::all_of(line.begin(), line.begin() + static_cast<std::ptrdiff_t>(colon), isTokenChar))
    return notHttp("a header line is malformed");
  if (line.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos)
    return notHttp("a header holds a control character");
  if (head_.headers.size() == kMaxHeaders) return notHttp("there are too many headers");
  head_.headers.emplace_back(lowered(line.substr(0, colon)),
                             std::string(trimmed(line.substr(colon + 1))));
  return {};
}

Result<void> HttpReader::decideBody() {
  if (const auto connection = head_.header("connection");
      connection && lowered(*connection) == "close")
    reusable_ = false;
  if (head_.status == 101) {
    hijacked_ = true;
    reusable_ = false;
    state_ = State::kUntilClose;
    return {};
  }
  if (head_only_ || head_.status == 204 || head_.status == 304) {
    state_ = State::kDone;
    return {};
  }
  std::optional<std::string_view> length;
  for (const auto& [name, value] : head_.headers) {
    if (name != "content-length") continue;
    if (length && *length != value) return notHttp("two lengths contradict each other");
    length = value;
  }
  if (const auto encoding = head_.header("transfer-encoding"); encoding) {
    if (lowered(*encoding) != "chunked") return notHttp("the transfer encoding is unknown");
    if (length) return notHttp("it has a length and is chunked");
    state_ = State::kChunkSize;
    return {};
  }
  if (!length) {
    reusable_ = false;
    state_ = State::kUntilClose;
    return {};
  }
  const auto bytes = number(*length, 10);
  if (!bytes) return notHttp("the length is no number");
  left_ = *bytes;
  state_ = left_ == 0 ? State::kDone : State::kLength;
  return {};
}

}  // namespace control::engine
