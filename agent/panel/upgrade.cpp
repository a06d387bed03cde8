#include "agent/panel/upgrade.h"

#include <algorithm>
#include <charconv>
#include <sstream>
#include <vector>

#include <Poco/Base64Encoder.h>
#include <Poco/DateTime.h>
#include <Poco/DateTimeFormat.h>
#include <Poco/DateTimeParser.h>
#include <Poco/Exception.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/SHA1Engine.h>
#include <Poco/String.h>
#include <Poco/URI.h>

#include <libcontrol/version.h>

#include "agent/panel/frame_writer.h"
#include "agent/panel/link.h"

namespace agent {
namespace {

using Poco::Net::HTTPRequest;
using Poco::Net::HTTPResponse;
using std::chrono::milliseconds;

constexpr int kSwitching = 101, kUnauthorized = 401, kForbiddenStatus = 403;

std::string percentEncoded(const std::string& text) {
  std::string encoded;
  constexpr char kDigits[] = "0123456789ABCDEF";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain)
      encoded += c;
    else
      encoded += {'%', kDigits[byte >> 4], kDigits[byte & 0xF]};
  }
  return encoded;
}

std::string resourceOf(const LinkSettings& settings) {
  const std::size_t authority = settings.url.find("://") + 3;
  const std::size_t begin = settings.url.find_first_of("/?", authority);
  std::string resource = begin == std::string::npos ? "/" : settings.url.substr(begin);
  if (resource.front() == '?') resource.insert(0, "/");
  if (!settings.node_id_in_query) return resource;
  if (resource.find('?') == std::string::npos)
    resource += '?';
  else if (resource.back() != '?' && resource.back() != '&')
    resource += '&';
  return resource + "nodeId=" + percentEncoded(settings.node_id);
}

std::string base64(const std::string& bytes) {
  std::ostringstream text;
  Poco::Base64Encoder encoder(text);
  encoder.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  encoder.close();
  return text.str();
}

std::string freshKey() {
  RandomMasks random;
  std::string bytes;
  while (bytes.size() < 16) {
    const Mask more = random();
    bytes.append(reinterpret_cast<const char*>(more.data()), more.size());
  }
  return base64(bytes);
}

std::string acceptanceOf(const std::string& key) {
  Poco::SHA1Engine engine;
  engine.update(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
  const Poco::DigestEngine::Digest& digest = engine.digest();
  return base64(std::string(digest.begin(), digest.end()));
}

std::vector<std::string> valuesOf(const HTTPResponse& response, const char* name) {
  std::vector<std::string> values;
  for (const auto& [key, value] : response)
    if (Poco::icompare(key, name) == 0) values.push_back(Poco::trim(value));
  return values;
}

/// Whether the header's list, which may stand in several lines, has `wanted` in it.
bool lists(const HTTPResponse& response, const char* name, const std::string& wanted) {
  for (const std::string& value : valuesOf(response, name)) {
    std::istringstream list(value);
    for (std::string one; std::getline(list, one, ',');)
      if (Poco::icompare(Poco::trim(one), wanted) == 0) return true;
  }
  return false;
}

/// Every answer but 101.
DialFailure refusal(const HTTPResponse& response) {
  const int status = response.getStatus();
  DialFailure failure;
  failure.text = "the panel answered " + std::to_string(status) + ' ' + response.getReason();
  failure.refused = status == kUnauthorized || status == kForbiddenStatus;
  if (failure.refused)
    failure.text += ": it does not accept this node's id or secret; check NODE_ID and the secret";
  else if (status >= 300 && status < 400)
    failure.text += ": redirects are not followed with the secret; correct PANEL_URL";
  else if (status == HTTPResponse::HTTP_OK)
    failure.text += ": no WebSocket is offered at this address; check PANEL_URL";
  if (response.has("Retry-After"))
    failure.retry_after =
        parseRetryAfter(response.get("Retry-After"), std::chrono::system_clock::now());
  return failure;
}

/// What is wrong with a 101; nothing when all is well.
std::string mistakeIn(const HTTPResponse& response, const std::string& acceptance) {
  const std::string begun = "the panel's upgrade ";
  if (response.getVersion() != HTTPResponse::HTTP_1_1) return begun + "is not HTTP/1.1";
  if (!lists(response, "Upgrade", "websocket")) return begun + "has no Upgrade: websocket";
  if (!lists(response, "Connection", "upgrade")) return begun + "has no Connection: Upgrade";
  const auto keys = valuesOf(response, "Sec-WebSocket-Accept");
  if (keys.size() != 1 || keys.front() != acceptance)
    return begun +
           "has a wrong or missing Sec-WebSocket-Accept: what answers is no WebSocket "
           "server, or a cache in between";
  if (response.has("Sec-WebSocket-Extensions"))
    return begun +
           "chooses an extension that was not offered: " + response.get("Sec-WebSocket-Extensions");
  if (response.has("Sec-WebSocket-Protocol"))
    return begun +
           "chooses a subprotocol that was not offered: " + response.get("Sec-WebSocket-Protocol");
  return {};
}

}  // namespace

Target targetOf(const LinkSettings& settings) {
  Target target;
  try {
    const Poco::URI url(settings.url);
    target.secure = url.getScheme() == "wss";
    target.host = url.getHost();
    if (target.host.starts_with('[')) target.host = target.host.substr(1, target.host.size() - 2);
    target.port = std::to_string(url.getPort());
  } catch (const Poco::Exception&) {
    return target;
  }
  const std::size_t authority = settings.url.find("://") + 3;
  target.authority =
      settings.url.substr(authority, settings.url.find_first_of("/?", authority) - authority);
  target.resource = resourceOf(settings);
  return target;
}

Upgrade::Upgrade(const Target& target, const LinkSettings& settings) : key_(freshKey()) {
  HTTPRequest request(HTTPRequest::HTTP_GET, target.resource, HTTPRequest::HTTP_1_1);
  request.set("Host", target.authority);
  request.set("Upgrade", "websocket");
  request.set("Connection", "Upgrade");
  request.set("Sec-WebSocket-Version", "13");
  request.set("Sec-WebSocket-Key", key_);
  if (!settings.secret.empty()) request.set("Authorization", "Bearer " + settings.secret);
  if (!settings.node_id.empty()) request.set("X-Node-Id", settings.node_id);
  request.set("User-Agent", "ctrl-alt-play-agent/" CONTROL_VERSION);
  std::ostringstream text;
  request.write(text);
  request_ = text.str();
}

std::optional<DialFailure> Upgrade::refuses(const std::string& head) const {
  HTTPResponse response;
  try {
    std::istringstream text(head);
    response.read(text);
  } catch (const Poco::Exception& problem) {
    return DialFailure{"the panel's answer to the upgrade is no HTTP: " + problem.displayText()};
  }
  if (response.getStatus() != kSwitching) return refusal(response);
  std::string mistake = mistakeIn(response, acceptanceOf(key_));
  if (mistake.empty()) return std::nullopt;
  return DialFailure{std::move(mistake)};
}

std::optional<milliseconds> parseRetryAfter(const std::string& value,
                                            std::chrono::system_clock::time_point now) {
  int seconds = 0;
  const auto [end, problem] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (problem == std::errc() && end == value.data() + value.size())
    return seconds >= 0 ? std::optional(milliseconds(seconds * std::int64_t{1000})) : std::nullopt;
  Poco::DateTime date;
  int zone = 0;
  // Poco's parser takes any text for some date.
  if (value.size() != 29 || !value.ends_with(" GMT") ||
      !Poco::DateTimeParser::tryParse(Poco::DateTimeFormat::HTTP_FORMAT, value, date, zone))
    return std::nullopt;
  // In microseconds: the year 9999 has no place in the clock's nanoseconds.
  const std::chrono::microseconds moment(date.timestamp().epochMicroseconds());
  const auto left = moment - std::chrono::floor<std::chrono::microseconds>(now.time_since_epoch());
  return std::max(milliseconds(0), std::chrono::ceil<milliseconds>(left));
}

}  // namespace agent
