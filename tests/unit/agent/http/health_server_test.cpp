#include "agent/http/health_server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <future>
#include <regex>
#include <utility>

#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>

namespace agent {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::StartsWith;
using Clock = std::chrono::steady_clock;

class Source : public HealthSource {
 public:
  HealthReport report() const override {
    if (const auto hold = std::exchange(before_next, nullptr)) hold();
    return current;
  }

  mutable std::function<void()> before_next{};
  HealthReport current = [] {
    HealthReport report;
    report.timestamp = std::chrono::system_clock::time_point(milliseconds(1'767'323'045'678));
    report.version = "1.2.3";
    report.node_id = "node \"1\"";
    report.uptime = milliseconds(12'345);
    report.link.connected = true;
    report.link.messages_sent = 42;
    report.runtime_name = "docker";
    report.runtime_reachable = true;
    report.servers_running = 2;
    report.servers_total = 3;
    return report;
  }();
};

/// One client's connection, as raw as the test wants it.
class Client {
 public:
  explicit Client(int port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~Client() { ::close(socket_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  bool connected() const { return connected_; }
  bool send(std::string_view bytes) {
    return ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(bytes.size());
  }
  /// Everything until the server closes, for at most 10 s.
  std::string receive() {
    std::string text;
    char bytes[4096];
    const auto deadline = Clock::now() + std::chrono::seconds(10);
    for (;;) {
      pollfd waiting{socket_, POLLIN, 0};
      const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now());
      if (left.count() <= 0 || ::poll(&waiting, 1, static_cast<int>(left.count())) <= 0)
        return text + "(still open)";
      const ssize_t count = ::recv(socket_, bytes, sizeof bytes, 0);
      if (count <= 0) return text;
      text.append(bytes, static_cast<std::size_t>(count));
    }
  }

 private:
  int socket_;
  bool connected_ = false;
};

class Health : public testing::Test {
 protected:
  Health() {
    const auto opened = server_.open("127.0.0.1", 0);
    EXPECT_TRUE(opened) << opened.error().message;
  }

  std::string ask(const std::string& request) {
    Client client(server_.port());
    client.send(request);
    return client.receive();
  }
  std::string get(const std::string& path) {
    return ask("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
  }
  static std::string bodyOf(const std::string& response) {
    return response.substr(response.find("\r\n\r\n") + 4);
  }
  Poco::JSON::Object::Ptr health() {
    return Poco::JSON::Parser().parse(bodyOf(get("/health"))).extract<Poco::JSON::Object::Ptr>();
  }

  Source source_;
  HealthServer server_{source_};
};

TEST_F(Health, IsHealthyWhenPanelAndEngineAreThere) {
  EXPECT_THAT(get("/health"), StartsWith("HTTP/1.1 200 OK\r\n"));
  const auto body = health();
  EXPECT_EQ(body->getValue<std::string>("status"), "healthy");
  EXPECT_EQ(body->getValue<std::string>("timestamp"), "2026-01-02T03:04:05.678Z");
  EXPECT_EQ(body->getValue<std::string>("version"), "1.2.3");
  EXPECT_EQ(body->getValue<std::string>("nodeId"), "node \"1\"");
  EXPECT_DOUBLE_EQ(body->getValue<double>("uptime"), 12.345);
  EXPECT_TRUE(body->getValue<bool>("connected"));
  EXPECT_EQ(body->getObject("runtime")->getValue<std::string>("name"), "docker");
  EXPECT_TRUE(body->getObject("runtime")->getValue<bool>("reachable"));
  EXPECT_EQ(body->getObject("servers")->getValue<int>("running"), 2);
  EXPECT_EQ(body->getObject("servers")->getValue<int>("total"), 3);
  EXPECT_FALSE(body->has("reasons"));
}

TEST_F(Health, IsDegradedWithAReasonForEachThingThatIsMissing) {
  source_.current.link.connected = false;
  source_.current.link.problem = "connection refused";
  source_.current.runtime_reachable = false;
  source_.current.runtime_problem = "no socket";
  EXPECT_THAT(get("/health"), StartsWith("HTTP/1.1 503 "));
  const auto body = health();
  EXPECT_EQ(body->getValue<std::string>("status"), "degraded");
  const auto reasons = body->getArray("reasons");
  ASSERT_EQ(reasons->size(), 2u);
  EXPECT_THAT(reasons->getElement<std::string>(0), HasSubstr("connection refused"));
  EXPECT_THAT(reasons->getElement<std::string>(1), HasSubstr("no socket"));
}

TEST_F(Health, IsAliveEvenWhenDegraded) {
  source_.current.link.connected = false;
  EXPECT_THAT(get("/livez"), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(Health, GivesMetricsAsOpenMetricsText) {
  const std::string response = get("/metrics");
  EXPECT_THAT(response, HasSubstr("Content-Type: application/openmetrics-text; version=1.0.0"));
  const std::string body = bodyOf(response);
  EXPECT_TRUE(body.ends_with("\n# EOF\n")) << body;
  EXPECT_THAT(body, HasSubstr("\nctrl_alt_play_agent_panel_connected 1\n"));
  EXPECT_THAT(body, HasSubstr("\nctrl_alt_play_agent_panel_messages_sent_total 42\n"));
  EXPECT_THAT(body, HasSubstr("\nctrl_alt_play_agent_servers_running 2\n"));
  EXPECT_THAT(body, HasSubstr("_build_info{version=\"1.2.3\",runtime=\"docker\"} 1\n"));
  std::istringstream lines(body);
  const std::regex form(
      R"(# (TYPE|HELP) (ctrl|process)_\w+ .+|(ctrl|process)_\w+(\{.*\})? [0-9.]+|# EOF)");
  for (std::string line; std::getline(lines, line);)
    EXPECT_TRUE(std::regex_match(line, form)) << line;
}

TEST(Process, KnowsWhatItTakesOfTheHost) {
  const ProcessUse before = readProcessUse();
  EXPECT_GT(before.resident_bytes.value_or(0), 1'000'000U);
  EXPECT_GE(before.threads.value_or(0), 1U);
  EXPECT_GE(before.cpu_seconds.value_or(-1), 0);
  const int descriptor = ::dup(0);
  const ProcessUse after = readProcessUse();
  ::close(descriptor);
  EXPECT_EQ(after.open_descriptors.value_or(0), before.open_descriptors.value_or(0) + 1);
  EXPECT_GE(after.most_descriptors.value_or(0), after.open_descriptors.value_or(0));
  HealthReport report;
  report.process = after;
  const std::string text = metricsText(report);
  EXPECT_THAT(text, HasSubstr("\nprocess_open_fds " + std::to_string(*after.open_descriptors)));
  EXPECT_THAT(text, HasSubstr("\nprocess_cpu_seconds_total "));
}

TEST_F(Health, SaysWhetherItsThreadTurns) {
  EXPECT_TRUE(server_.turns());
  for (int i = 0; i < 3; ++i) {
    // Each call wakes it once.
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!server_.turns() && std::chrono::steady_clock::now() < until) std::this_thread::yield();
    EXPECT_LT(std::chrono::steady_clock::now(), until);
  }
}

TEST_F(Health, SaysThatItsThreadDoesNotTurn) {
  std::promise<void> stuck;
  std::promise<void> let_go;
  source_.before_next = [&, gone = let_go.get_future().share()] {
    stuck.set_value();
    gone.wait();
  };
  Client client(server_.port());
  ASSERT_TRUE(client.send("GET /health HTTP/1.1\r\nHost: a\r\n\r\n"));
  stuck.get_future().wait();
  (void)server_.turns();
  EXPECT_FALSE(server_.turns());
  EXPECT_FALSE(server_.turns());
  let_go.set_value();
  EXPECT_THAT(client.receive(), StartsWith("HTTP/1.1 200"));
}

TEST_F(Health, AnswersHeadAsGetWithoutTheBody) {
  source_.current.link.connected = false;
  for (const char* path : {"/health", "/livez", "/metrics", "/nowhere"}) {
    const std::string whole = get(path);
    EXPECT_EQ(ask("HEAD " + std::string(path) + " HTTP/1.1\r\n\r\n") + bodyOf(whole), whole)
        << path;
  }
}

TEST_F(Health, IgnoresAQuery) { EXPECT_THAT(get("/livez?x=1"), StartsWith("HTTP/1.1 200 ")); }

TEST_F(Health, KnowsNoOtherPath) {
  for (const char* path : {"/", "/healthz", "/health/", "//health", "/metrics/../health", "*"})
    EXPECT_THAT(get(path), StartsWith("HTTP/1.1 404 ")) << path;
}

TEST_F(Health, KnowsNoOtherMethod) {
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "get"})
    EXPECT_THAT(ask(std::string(method) + " /health HTTP/1.1\r\n\r\n"),
                testing::AllOf(StartsWith("HTTP/1.1 405 "), HasSubstr("Allow: GET, HEAD\r\n")))
        << method;
}

TEST_F(Health, RefusesWhatIsNotHttp) {
  for (const char* line : {"hello", "GET /health", "GET /health SMTP/1.0", " ", "GET  HTTP/1.1"})
    EXPECT_THAT(ask(std::string(line) + "\r\n\r\n"),
                testing::AnyOf(StartsWith("HTTP/1.1 400 "), StartsWith("HTTP/1.1 404 ")))
        << line;
}

TEST_F(Health, RefusesAHeadThatDoesNotEnd) {
  EXPECT_THAT(ask("GET /health HTTP/1.1\r\nX: " + std::string(9000, 'x')),
              StartsWith("HTTP/1.1 431 "));
}

TEST_F(Health, AnswersARequestThatComesInPieces) {
  Client client(server_.port());
  for (const char c : std::string_view("GET /livez HTTP/1.1\r\n\r\n")) client.send({&c, 1});
  EXPECT_THAT(client.receive(), StartsWith("HTTP/1.1 200 "));
}

TEST_F(Health, AnswersAtOnceWhileOthersAreSlow) {
  std::vector<std::unique_ptr<Client>> slow;
  for (int index = 0; index < 20; ++index) {
    slow.push_back(std::make_unique<Client>(server_.port()));
    slow.back()->send("GET /health HT");
  }
  const auto began = Clock::now();
  EXPECT_THAT(get("/livez"), StartsWith("HTTP/1.1 200 "));
  EXPECT_LT(Clock::now() - began, std::chrono::seconds(8));  // a slow one has ten
}

TEST_F(Health, AnswersAtOnceHoweverManyOthersAreIdle) {
  std::vector<std::unique_ptr<Client>> idle;
  for (int index = 0; index < 100; ++index) {
    idle.push_back(std::make_unique<Client>(server_.port()));
    if (index % 2 == 0) idle.back()->send("GET /health HT");
  }
  for (int again = 0; again < 10; ++again) {
    const auto began = Clock::now();
    EXPECT_THAT(get("/livez"), StartsWith("HTTP/1.1 200 "));
    EXPECT_LT(Clock::now() - began, std::chrono::seconds(8));  // an idle one has ten
    for (const auto& client : idle) client->send("T");
  }
}

TEST_F(Health, DropsAClientThatTakesLongerThanItsTimeInAll) {
  HealthServer hurried(source_, milliseconds(300));
  ASSERT_TRUE(hurried.open("127.0.0.1", 0));
  Client slow(hurried.port());
  const auto began = Clock::now();
  while (slow.send("x") && Clock::now() - began < std::chrono::seconds(9)) ::poll(nullptr, 0, 50);
  EXPECT_GE(Clock::now() - began, milliseconds(300));
  EXPECT_LT(Clock::now() - began, std::chrono::seconds(8));
}

TEST_F(Health, AnswersWhomItKeptWaitingBeyondTheirTime) {
  constexpr milliseconds kTime{300};
  HealthServer hurried(source_, kTime);
  ASSERT_TRUE(hurried.open("127.0.0.1", 0));
  for (bool in_time = false; !in_time;) {
    std::promise<void> stuck;
    std::promise<void> let_go;
    source_.before_next = [&, gone = let_go.get_future().share()] {
      stuck.set_value();
      gone.wait();
    };
    const auto began = Clock::now();
    Client before(hurried.port());
    Client holds(hurried.port());
    Client after(hurried.port());
    Client last(hurried.port());  // by then the others have been accepted
    ASSERT_TRUE(last.send("GET /livez HTTP/1.1\r\n\r\n"));
    EXPECT_THAT(last.receive(), StartsWith("HTTP/1.1 200"));
    ASSERT_TRUE(holds.send("GET /health HTTP/1.1\r\n\r\n"));
    stuck.get_future().wait();
    in_time = Clock::now() - began < kTime;  // else they may have been late by themselves
    for (Client* const waits : {&before, &after})
      ASSERT_TRUE(waits->send("GET /livez HTTP/1.1\r\nX: " + std::string(5000, 'x') + "\r\n\r\n"));
    ::poll(nullptr, 0, 400);
    let_go.set_value();
    for (Client* const waits : {&before, &after}) {
      const std::string answer = waits->receive();
      EXPECT_TRUE(!in_time || answer.starts_with("HTTP/1.1 200")) << answer;
    }
    EXPECT_THAT(holds.receive(), StartsWith("HTTP/1.1 200"));
  }
}

TEST_F(Health, RefusesAPortThatIsTaken) {
  HealthServer second(source_);
  const auto opened = second.open("127.0.0.1", server_.port());
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().message,
              HasSubstr("127.0.0.1 port " + std::to_string(server_.port())));
  EXPECT_EQ(second.port(), 0);
}

TEST_F(Health, ListensOnVersionSixToo) {
  HealthServer six(source_);
  const auto opened = six.open("::1", 0);
  if (!opened && opened.error().message.find("Cannot assign") != std::string::npos)
    GTEST_SKIP() << "no IPv6 here";
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_GT(six.port(), 0);
}

}  // namespace
}  // namespace agent
