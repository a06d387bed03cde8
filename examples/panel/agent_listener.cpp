#include "agent_listener.h"

#include <Poco/Buffer.h>
#include <Poco/Exception.h>
#include <Poco/Net/HTTPRequestHandler.h>
#include <Poco/Net/HTTPRequestHandlerFactory.h>
#include <Poco/Net/HTTPServer.h>
#include <Poco/Net/HTTPServerRequest.h>
#include <Poco/Net/HTTPServerResponse.h>
#include <Poco/Net/NetException.h>
#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/WebSocket.h>
#include <Poco/ThreadPool.h>
#include <Poco/URI.h>

#include <atomic>
#include <map>
#include <mutex>
#include <optional>

namespace panel {
namespace {

using Poco::Net::HTTPResponse;
using Poco::Net::HTTPServerRequest;
using Poco::Net::HTTPServerResponse;
using Poco::Net::WebSocket;

constexpr int kLargestMessage = 16 * 1024 * 1024;
constexpr int kMostAgents = 64;
constexpr int kPong = static_cast<int>(WebSocket::FRAME_FLAG_FIN) | WebSocket::FRAME_OP_PONG;

/// Takes as long for a wrong guess as for the right one.
bool sameSecret(const std::string& one, const std::string& other) {
  unsigned difference = one.size() == other.size() ? 0 : 1;
  for (std::size_t i = 0; i < other.size(); ++i)
    difference |= static_cast<unsigned char>(i < one.size() ? one[i] : 0) ^
                  static_cast<unsigned char>(other[i]);
  return difference == 0;
}

std::string nodeIdOf(const HTTPServerRequest& request) {
  for (const auto& [key, value] : Poco::URI(request.getURI()).getQueryParameters())
    if (key == "nodeId" && !value.empty()) return value;
  return request.get("X-Node-Id", "");
}

void refuse(HTTPServerResponse& response, HTTPResponse::HTTPStatus status, const char* why) {
  response.setStatusAndReason(status);
  if (status == HTTPResponse::HTTP_UNAUTHORIZED) response.set("WWW-Authenticate", "Bearer");
  response.setContentType("text/plain");
  response.setContentLength(static_cast<std::streamsize>(std::char_traits<char>::length(why)));
  response.send() << why;
}

/// One agent's socket: read by its own thread, written to by any.
class Connection {
 public:
  explicit Connection(const WebSocket& socket) : socket_(socket) {
    socket_.setMaxPayloadSize(kLargestMessage);
  }

  void send(const std::string& text, int flags) {
    const std::scoped_lock lock(mutex_);
    socket_.sendFrame(text.data(), static_cast<int>(text.size()), flags);
  }

  void close(std::uint16_t code, const std::string& why) {
    const std::scoped_lock lock(mutex_);
    socket_.shutdown(code, why);
  }

  /// The next whole text message; nullopt when `stop` is set or the agent is gone (`why` says how).
  std::optional<std::string> receive(const std::atomic<bool>& stop, std::string& why) {
    std::string message;
    while (!stop) {
      // Polled first: a time-out in the middle of a frame would lose the rest of it.
      if (!socket_.poll(Poco::Timespan(0, 200'000), Poco::Net::Socket::SELECT_READ)) continue;
      Poco::Buffer<char> frame(0);
      int flags = 0;
      const int size = socket_.receiveFrame(frame, flags);
      const int kind = flags & WebSocket::FRAME_OP_BITMASK;
      if (size <= 0 && flags == 0) break;
      if (kind == WebSocket::FRAME_OP_PONG) continue;
      const std::string content(frame.begin(), frame.size());
      if (kind == WebSocket::FRAME_OP_PING) {
        send(content, kPong);
        continue;
      }
      if (kind == WebSocket::FRAME_OP_CLOSE) {
        why = "it closed the connection";
        close(WebSocket::WS_NORMAL_CLOSE, "");
        return std::nullopt;
      }
      message += content;
      if (message.size() > kLargestMessage) {
        why = "its message is too large";
        close(WebSocket::WS_PAYLOAD_TOO_BIG, why);
        return std::nullopt;
      }
      if ((flags & WebSocket::FRAME_FLAG_FIN) != 0) return message;
    }
    if (why.empty()) why = stop ? "the panel ends" : "the connection was lost";
    return std::nullopt;
  }

 private:
  WebSocket socket_;
  std::mutex mutex_;  // for sending
};

}  // namespace

class AgentListener::Server {
 public:
  Server(const std::string& address, std::string secret, AgentObserver& observer)
      : secret_(std::move(secret)),
        observer_(observer),
        socket_(Poco::Net::SocketAddress(address)),
        threads_("agents", 2, kMostAgents),
        http_(new Factory(*this), threads_, socket_, parameters()) {
    http_.start();
  }

  ~Server() {
    stopping_ = true;
    http_.stop();
    threads_.joinAll();
  }

  std::uint16_t port() const { return socket_.address().port(); }

  bool send(const std::string& node, const std::string& text) {
    const std::shared_ptr<Connection> connection = find(node);
    if (connection == nullptr) return false;
    try {
      connection->send(text, WebSocket::FRAME_TEXT);
      return true;
    } catch (const Poco::Exception&) {
      return false;  // the reading thread finds out why and says so
    }
  }

  void handle(HTTPServerRequest& request, HTTPServerResponse& response) {
    if (!sameSecret(request.get("Authorization", ""), "Bearer " + secret_))
      return refuse(response, HTTPResponse::HTTP_UNAUTHORIZED, "wrong secret\n");
    const std::string node = nodeIdOf(request);
    if (node.empty())
      return refuse(response, HTTPResponse::HTTP_BAD_REQUEST,
                    "no node id: give the header X-Node-Id or the query nodeId\n");
    try {
      serve(node, std::make_shared<Connection>(WebSocket(request, response)));
    } catch (const Poco::Net::WebSocketException&) {
      refuse(response, HTTPResponse::HTTP_BAD_REQUEST, "only WebSocket connections are taken\n");
    }
  }

 private:
  class Handler : public Poco::Net::HTTPRequestHandler {
   public:
    explicit Handler(Server& server) : server_(server) {}
    void handleRequest(HTTPServerRequest& request, HTTPServerResponse& response) override {
      server_.handle(request, response);
    }

   private:
    Server& server_;
  };

  class Factory : public Poco::Net::HTTPRequestHandlerFactory {
   public:
    explicit Factory(Server& server) : server_(server) {}
    Poco::Net::HTTPRequestHandler* createRequestHandler(const HTTPServerRequest&) override {
      return new Handler(server_);
    }

   private:
    Server& server_;
  };

  static Poco::Net::HTTPServerParams::Ptr parameters() {
    Poco::Net::HTTPServerParams::Ptr parameters = new Poco::Net::HTTPServerParams;
    parameters->setMaxThreads(kMostAgents);
    parameters->setKeepAlive(false);
    return parameters;
  }

  std::shared_ptr<Connection> find(const std::string& node) {
    const std::scoped_lock lock(mutex_);
    const auto found = connections_.find(node);
    return found == connections_.end() ? nullptr : found->second;
  }

  void serve(const std::string& node, const std::shared_ptr<Connection>& connection) {
    std::shared_ptr<Connection> former;
    {
      const std::scoped_lock lock(mutex_);
      former = std::exchange(connections_[node], connection);
    }
    if (former != nullptr) closeQuietly(*former, "the node connected again");
    observer_.onConnected(node);
    std::string why;
    try {
      while (const auto message = connection->receive(stopping_, why))
        observer_.onMessage(node, *message);
      if (stopping_) connection->close(WebSocket::WS_ENDPOINT_GOING_AWAY, "the panel ends");
    } catch (const Poco::Exception& failure) {
      why = failure.displayText();
    }
    if (forget(node, connection)) observer_.onDisconnected(node, why);
  }

  static void closeQuietly(Connection& connection, const std::string& why) {
    try {
      connection.close(WebSocket::WS_NORMAL_CLOSE, why);
    } catch (const Poco::Exception&) {
      // It is gone already, which is what was wanted.
    }
  }

  /// False when the node has another connection by now.
  bool forget(const std::string& node, const std::shared_ptr<Connection>& connection) {
    const std::scoped_lock lock(mutex_);
    const auto found = connections_.find(node);
    if (found == connections_.end() || found->second != connection) return false;
    connections_.erase(found);
    return true;
  }

  const std::string secret_;
  AgentObserver& observer_;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Connection>> connections_;
  Poco::Net::ServerSocket socket_;
  Poco::ThreadPool threads_;
  Poco::Net::HTTPServer http_;
};

AgentListener::AgentListener(const std::string& address, std::string secret,
                             AgentObserver& observer)
    : server_(std::make_unique<Server>(address, std::move(secret), observer)) {}

AgentListener::~AgentListener() = default;

std::uint16_t AgentListener::port() const { return server_->port(); }

bool AgentListener::send(const std::string& node, const std::string& text) {
  return server_->send(node, text);
}

}  // namespace panel
