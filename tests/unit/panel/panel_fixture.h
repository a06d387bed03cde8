#pragma once

#include <Poco/JSON/Parser.h>
#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Net/NetException.h>
#include <Poco/Net/WebSocket.h>

#include <sstream>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "examples/panel/console.h"
#include "examples/panel/panel.h"

namespace panel {

/// An agent as far as the panel can tell.
class FakeAgent {
 public:
  explicit FakeAgent(std::uint16_t port, const std::string& query = "?nodeId=n1",
                     const std::string& secret = "s3cret")
      : session_("127.0.0.1", port), socket_(connect(session_, query, secret)) {
    socket_.setReceiveTimeout(Poco::Timespan(10, 0));
  }

  void send(const std::string& text, int flags = Poco::Net::WebSocket::FRAME_TEXT) {
    socket_.sendFrame(text.data(), static_cast<int>(text.size()), flags);
  }

  std::string receive(int& flags) {
    char buffer[4096];
    const int size = socket_.receiveFrame(buffer, sizeof buffer, flags);
    return {buffer, static_cast<std::size_t>(std::max(size, 0))};
  }

  /// Takes one command and answers it with `rest`, the response without its id.
  Poco::JSON::Object::Ptr answer(const std::string& rest) {
    int flags = 0;
    auto command = Poco::JSON::Parser().parse(receive(flags)).extract<Poco::JSON::Object::Ptr>();
    send(R"({"type":"response","id":")" + text(command, "id") + "\"," + rest + "}");
    return command;
  }

  void changed(const std::string& server, const std::string& state, const std::string& more = "") {
    send(R"({"type":"event","event":"server_status_changed","seq":1,"data":{"serverId":")" +
         server + R"(","previousStatus":"x","currentStatus":")" + state + R"(","status":")" +
         state + "\"" + more + "}}");
  }

 private:
  static Poco::Net::WebSocket connect(Poco::Net::HTTPClientSession& session,
                                      const std::string& query, const std::string& secret) {
    Poco::Net::HTTPRequest request(Poco::Net::HTTPRequest::HTTP_GET, "/agents" + query,
                                   Poco::Net::HTTPRequest::HTTP_1_1);
    request.set("Authorization", "Bearer " + secret);
    Poco::Net::HTTPResponse response;
    return Poco::Net::WebSocket(session, request, response);
  }

  Poco::Net::HTTPClientSession session_;
  Poco::Net::WebSocket socket_;
};

class PanelTest : public ::testing::Test {
 protected:
  PanelTest() : listener_("127.0.0.1:0", "s3cret", panel_) { panel_.setListener(&listener_); }

  /// Runs `line` while `agent` answers the command it sends.
  std::string runAnswered(const std::string& line, FakeAgent& agent, const std::string& answer) {
    std::jthread other([&] { command_ = agent.answer(answer); });
    return console_.run(line);
  }

  Poco::Net::HTTPResponse::HTTPStatus statusOf(const std::string& query,
                                               const std::string& secret) {
    Poco::Net::HTTPClientSession session("127.0.0.1", listener_.port());
    Poco::Net::HTTPRequest request(Poco::Net::HTTPRequest::HTTP_GET, "/" + query,
                                   Poco::Net::HTTPRequest::HTTP_1_1);
    request.set("Authorization", "Bearer " + secret);
    session.sendRequest(request);
    Poco::Net::HTTPResponse response;
    session.receiveResponse(response);
    return response.getStatus();
  }

  std::ostringstream output_;
  Screen screen_{output_};
  Panel panel_{screen_};
  AgentListener listener_;
  Console console_{panel_, screen_};
  Poco::JSON::Object::Ptr command_;
};

}  // namespace panel
