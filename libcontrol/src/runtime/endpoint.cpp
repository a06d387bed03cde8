#include <libcontrol/endpoint.h>

#include <algorithm>
#include <charconv>

namespace control {
namespace {

constexpr std::string_view kForm =
    "use engine[+transport]://[host[:port]]/[path][?key=value], as docker:///run/docker.sock";

Error malformed(std::string_view uri, std::string_view why) {
  return {.code = ErrorCode::kInvalidArgument,
          .message = "endpoint '" + std::string(uri.substr(0, 200)) + "': " + std::string(why) +
                     "; " + std::string(kForm)};
}

bool isNameChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

bool isName(std::string_view text) {
  return !text.empty() && text.front() >= 'a' && text.front() <= 'z' &&
         std::all_of(text.begin(), text.end(), isNameChar);
}

int hexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> percentDecode(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = hexValue(text[i + 1]);
    const int low = hexValue(text[i + 2]);
    // A NUL would silently cut a path or a name short.
    if (high < 0 || low < 0 || (high == 0 && low == 0)) return std::nullopt;
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return decoded;
}

/// Why `text` cannot be decoded.
std::string_view percentProblem(std::string_view text) {
  if (text.find("%00") != std::string_view::npos) return "%00, a NUL byte, has no place here";
  return "a percent sign is followed by two hexadecimal digits";
}

std::string percentEncode(std::string_view text, std::string_view also_plain) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~' ||
                       also_plain.find(c) != std::string_view::npos;
    if (plain) {
      encoded += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      encoded += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return encoded;
}

std::optional<int> parsePort(std::string_view text) {
  int port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (port < 1 || port > 65535) return std::nullopt;
  return port;
}

/// Empty on success, else what is wrong.
std::string_view parseAuthority(std::string_view text, Endpoint& endpoint) {
  if (text.empty()) return {};
  if (text.find('@') != std::string_view::npos)
    return "user names and passwords have no place here";
  std::string_view port;
  if (text.front() == '[') {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return "an IPv6 address ends with ']'";
    endpoint.host = text.substr(1, close - 1);
    port = text.substr(close + 1);
    if (!port.empty() && port.front() != ':') return "after ']' comes ':port'";
  } else {
    const std::size_t colon = text.find(':');
    endpoint.host = text.substr(0, colon);
    if (colon != std::string_view::npos) port = text.substr(colon);
  }
  if (endpoint.host.empty()) return "the host is empty";
  if (port.empty()) return {};
  endpoint.port = parsePort(port.substr(1));
  return endpoint.port ? std::string_view{} : "a port is a number from 1 to 65535";
}

std::string_view parseQuery(std::string_view text, Endpoint& endpoint) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('&'), text.size());
    const std::string_view pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos || equals == 0) return "the query is made of key=value";
    const auto key = percentDecode(pair.substr(0, equals));
    const auto value = percentDecode(pair.substr(equals + 1));
    if (!key || !value) return percentProblem(pair);
    if (!endpoint.query.emplace(*key, *value).second) return "a query key stands there twice";
  }
  return {};
}

}  // namespace

Result<Endpoint> Endpoint::parse(std::string_view uri) {
  if (uri.find('\0') != std::string_view::npos) return malformed("", "it holds a NUL byte");
  const std::size_t colon = uri.find("://");
  if (colon == std::string_view::npos) return malformed(uri, "'://' is missing");
  Endpoint endpoint;
  std::string_view scheme = uri.substr(0, colon);
  std::string_view rest = uri.substr(colon + 3);
  if (const std::size_t plus = scheme.find('+'); plus != std::string_view::npos) {
    endpoint.transport = scheme.substr(plus + 1);
    scheme = scheme.substr(0, plus);
    if (!isName(endpoint.transport)) return malformed(uri, "the transport is not a name");
  }
  endpoint.engine = scheme;
  if (!isName(endpoint.engine)) return malformed(uri, "the engine is not a name");
  if (rest.find('#') != std::string_view::npos) return malformed(uri, "'#' has no meaning here");

  const std::size_t question = std::min(rest.find('?'), rest.size());
  const std::string_view query = rest.substr(std::min(question + 1, rest.size()));
  rest = rest.substr(0, question);
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  if (const auto wrong = parseAuthority(rest.substr(0, slash), endpoint); !wrong.empty())
    return malformed(uri, wrong);
  if (endpoint.transport.empty() && !endpoint.host.empty())
    return malformed(uri, "did you mean " + endpoint.engine + ":///" + std::string(rest) +
                              " (three slashes)? A host goes with a transport, as in "
                              "docker+tls://host");
  if (!endpoint.transport.empty() && endpoint.host.empty())
    return malformed(uri, "the transport '" + endpoint.transport + "' needs a host");
  const auto path = percentDecode(rest.substr(slash));
  if (!path) return malformed(uri, percentProblem(rest.substr(slash)));
  endpoint.path = path->empty() ? "/" : *path;
  if (const auto wrong = parseQuery(query, endpoint); !wrong.empty()) return malformed(uri, wrong);
  return endpoint;
}

std::string Endpoint::toString() const {
  std::string text = engine;
  if (!transport.empty()) text += "+" + transport;
  text += "://";
  text += host.find(':') == std::string::npos ? host : "[" + host + "]";
  if (port) text += ":" + std::to_string(*port);
  text += percentEncode(path, "/");
  char separator = '?';
  for (const auto& [key, value] : query) {
    text += separator + percentEncode(key, "") + "=" + percentEncode(value, "/:");
    separator = '&';
  }
  return text;
}

Result<void> Endpoint::requireKnownQuery(std::span<const std::string_view> known) const {
  for (const auto& [key, value] : query) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    std::string list;
    for (const std::string_view one : known) list += (list.empty() ? "" : ", ") + std::string(one);
    return Error{.code = ErrorCode::kInvalidArgument,
                 .message = "unknown key '" + key + "' in endpoint " + toString() + ": " +
                            (list.empty() ? "it takes no keys" : "known are " + list)};
  }
  return {};
}

}  // namespace control
