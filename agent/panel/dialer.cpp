#include "agent/panel/dialer.h"

#include <charconv>
#include <utility>

#include <Poco/DateTime.h>
#include <Poco/DateTimeFormat.h>
#include <Poco/DateTimeParser.h>
#include <Poco/Exception.h>
#include <Poco/Net/Context.h>
#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Net/NetException.h>
#include <Poco/Net/RejectCertificateHandler.h>
#include <Poco/Net/SSLManager.h>
#include <Poco/Net/SecureStreamSocket.h>
#include <Poco/Net/StreamSocketImpl.h>
#include <Poco/Net/WebSocket.h>
#include <Poco/URI.h>

#include <libcontrol/version.h>

#include "agent/panel/tcp_connect.h"

namespace agent {
namespace {

using Poco::Net::HTTPClientSession;
using Poco::Net::HTTPRequest;
using Poco::Net::HTTPResponse;
using std::chrono::milliseconds;

constexpr int kUnauthorized = 401, kForbidden = 403;
/// A frame announced larger than this is not read: Poco makes room for all of it beforehand.
constexpr int kLargestFrame = 16 * 1024 * 1024;

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

std::string describe(const Poco::Exception& problem) {
  const std::string text = problem.displayText();
  return text.empty() ? problem.name() : text;
}

/// Every answer that is not a WebSocket.
DialFailure refusal(const HTTPResponse& response) {
  const int status = response.getStatus();
  DialFailure failure;
  failure.text = "the panel answered " + std::to_string(status) + ' ' + response.getReason();
  failure.refused = status == kUnauthorized || status == kForbidden;
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

}  // namespace

/// What all TLS connections share.
class Dialer::Tls {
 public:
  explicit Tls(const std::string& ca_file) {
    Poco::Net::Context::Params parameters;
    parameters.caLocation = ca_file;
    parameters.loadDefaultCAs = true;
    parameters.verificationMode = Poco::Net::Context::VERIFY_STRICT;
    parameters.verificationDepth = 9;
    parameters.cipherList = "HIGH:!aNULL:!eNULL:!MD5:!RC4:!3DES:@STRENGTH";
    context_ = new Poco::Net::Context(Poco::Net::Context::TLS_CLIENT_USE, parameters);
    context_->requireMinimumProtocol(Poco::Net::Context::PROTO_TLSV1_2);
    // Without a handler of our own, Poco may ask on the console.
    Poco::Net::SSLManager::instance().initializeClient(
        nullptr, new Poco::Net::RejectCertificateHandler(false), context_);
  }

  Poco::Net::Context::Ptr context() const { return context_; }

 private:
  Poco::Net::Context::Ptr context_;
};

Dialed::Dialed() = default;
Dialed::Dialed(Dialed&&) noexcept = default;
Dialed& Dialed::operator=(Dialed&&) noexcept = default;
Dialed::~Dialed() = default;

Dialer::Dialer(const LinkSettings& settings, Watchdog& watchdog, const std::atomic<bool>& stopping)
    : settings_(settings), target_(targetOf(settings)), watchdog_(watchdog), stopping_(stopping) {}

Dialer::~Dialer() = default;

Dialer::Target Dialer::targetOf(const LinkSettings& settings) {
  Target target;
  try {
    const Poco::URI url(settings.url);
    target.secure = url.getScheme() == "wss";
    target.host = url.getHost();
    if (target.host.starts_with('[')) target.host = target.host.substr(1, target.host.size() - 2);
    target.port = std::to_string(url.getPort());
  } catch (const Poco::Exception&) {
    return target;  // connect() finds no host and says so
  }
  const std::size_t authority = settings.url.find("://") + 3;
  target.authority =
      settings.url.substr(authority, settings.url.find_first_of("/?", authority) - authority);
  target.resource = resourceOf(settings);
  return target;
}

Dialed Dialer::connect() {
  Dialed failed;
  try {
    return tryConnect();
  } catch (const Poco::Exception& problem) {
    failed.failure.text = describe(problem);
  } catch (const std::exception& problem) {
    failed.failure.text = problem.what();
  }
  watchdog_.release();
  return failed;
}

Dialed Dialer::tryConnect() {
  const auto descriptor = connectTcp(target_.host, target_.port, settings_.timing.dial, stopping_);
  if (!descriptor) {
    Dialed failed;
    failed.failure.text = descriptor.error().message;
    return failed;
  }
  return upgrade(*descriptor);
}

Dialed Dialer::upgrade(int descriptor) {
  const auto step = settings_.timing.dial;
  const Poco::Timespan longest_wait(Poco::Timespan::TimeDiff(settings_.timing.frame_gap.count()) *
                                    1000);
  Dialed dialed;
  Poco::Net::StreamSocket plain(new Poco::Net::StreamSocketImpl(descriptor));
  plain.setReceiveTimeout(longest_wait);
  plain.setSendTimeout(longest_wait);
  // Holding before the check: a stop that comes between them finds the socket.
  watchdog_.allowUntil(Watchdog::Clock::now() + step);
  watchdog_.hold(descriptor);
  if (stopping_) watchdog_.endBy(Watchdog::Clock::now());

  std::string phase = "TLS";
  HTTPResponse response;
  // A fresh response says 200; this one tells when none came.
  constexpr auto kNone = HTTPResponse::HTTP_CONTINUE;
  response.setStatus(kNone);
  try {
    std::unique_ptr<HTTPClientSession> session;
    if (target_.secure) {
      if (!tls_) tls_ = std::make_unique<Tls>(settings_.ca_file);
      // Not an HTTPSClientSession: given a connected socket, Poco 1.11's throws.
      session = std::make_unique<HTTPClientSession>(
          Poco::Net::SecureStreamSocket::attach(plain, target_.host, tls_->context()));
    } else {
      session = std::make_unique<HTTPClientSession>(plain);
    }
    phase = "upgrade";
    watchdog_.allowUntil(Watchdog::Clock::now() + step);
    HTTPRequest request(HTTPRequest::HTTP_GET, target_.resource, HTTPRequest::HTTP_1_1);
    request.set("Host", target_.authority);
    request.set("Authorization", "Bearer " + settings_.secret);
    request.set("X-Node-Id", settings_.node_id);
    request.set("User-Agent", "ctrl-alt-play-agent/" CONTROL_VERSION);
    dialed.socket = std::make_unique<Poco::Net::WebSocket>(*session, request, response);
  } catch (const Poco::Exception& problem) {
    const bool answered = response.getStatus() != kNone;
    if (answered && response.getStatus() != HTTPResponse::HTTP_SWITCHING_PROTOCOLS)
      dialed.failure = refusal(response);
    else if (const auto* timeout = dynamic_cast<const Poco::TimeoutException*>(&problem))
      dialed.failure.text = phase + " took longer than the panel has: " + describe(*timeout);
    else
      dialed.failure.text = phase + " failed: " + describe(problem);
  }
  if (dialed.socket &&
      (response.has("Sec-WebSocket-Extensions") || response.has("Sec-WebSocket-Protocol"))) {
    dialed.socket.reset();
    dialed.failure.text = "the panel chose an extension or subprotocol that was not offered";
  }
  if (!dialed.socket) {
    watchdog_.release();
    return dialed;
  }
  dialed.socket->setMaxPayloadSize(kLargestFrame);
  dialed.socket->setReceiveTimeout(longest_wait);
  dialed.socket->setSendTimeout(longest_wait);
  dialed.descriptor = descriptor;
  watchdog_.allowUntil(Watchdog::Clock::time_point::max());
  return dialed;
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
  const auto moment = std::chrono::system_clock::time_point(
      std::chrono::microseconds(date.timestamp().epochMicroseconds()));
  return std::max(milliseconds(0), std::chrono::ceil<milliseconds>(moment - now));
}

}  // namespace agent
