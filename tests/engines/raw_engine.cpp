#include "engines/raw_engine.h"

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Parser.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "engines/podman_fixture.h"

namespace control::test {
namespace {

constexpr int kTimeoutSeconds = 30;

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

class Connection {
 public:
  explicit Connection(const std::string& path)
      : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) throw std::runtime_error("long path: " + path);
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    const timeval timeout{kTimeoutSeconds, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      fail("connect " + path);
  }
  ~Connection() { ::close(fd_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void send(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t count = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (count < 0) fail("send");
      text.remove_prefix(static_cast<std::size_t>(count));
    }
  }

  std::string receiveAll() const {
    std::string all;
    char buffer[8192];
    for (;;) {
      const ssize_t count = ::recv(fd_, buffer, sizeof buffer, 0);
      if (count < 0) fail("receive");
      if (count == 0) return all;
      all.append(buffer, static_cast<std::size_t>(count));
    }
  }

 private:
  int fd_;
};

std::string quoted(const std::string& text) {
  std::ostringstream out;
  Poco::JSON::Stringifier::stringify(Poco::Dynamic::Var(text), out);
  return out.str();
}

void expectStatus(const RawReply& reply, int status, const std::string& what) {
  if (reply.status != status)
    throw std::runtime_error(what + ": " + std::to_string(reply.status) + " " + reply.body);
}

}  // namespace

Poco::JSON::Object::Ptr RawReply::json() const {
  return Poco::JSON::Parser().parse(body).extract<Poco::JSON::Object::Ptr>();
}

RawReply rawRequest(const std::string& socket, std::string_view method, const std::string& path,
                    const std::string& body) {
  const Connection connection(socket);
  // HTTP/1.0: the reply ends with the connection and is not chunked.
  connection.send(std::string(method) + " " + path + " HTTP/1.0\r\nHost: localhost\r\n" +
                  "Content-Type: application/json\r\nContent-Length: " +
                  std::to_string(body.size()) + "\r\n\r\n" + body);
  const std::string all = connection.receiveAll();
  const std::size_t head = all.find("\r\n\r\n");
  if (all.size() < 12 || head == std::string::npos)
    throw std::runtime_error("no HTTP reply: " + all);
  return {std::stoi(all.substr(9, 3)), all.substr(head + 4)};
}

RawReply rawDocker(std::string_view method, const std::string& path, const std::string& body) {
  return rawRequest(dockerSocket(), method, path, body);
}

RawReply rawPodman(std::string_view method, const std::string& path, const std::string& body) {
  return rawRequest(podmanSocket(), method, path, body);
}

RawContainer::RawContainer(const std::string& script, const std::string& host_config,
                           const std::string& socket)
    : socket_(socket) {
  const RawReply created =
      rawRequest(socket_, "POST", "/containers/create",
                 std::string("{\"Image\":\"") + kTestImage + "\",\"Cmd\":[\"sh\",\"-c\"," +
                     quoted(script) + "],\"HostConfig\":" + host_config + "}");
  expectStatus(created, 201, "create");
  id_ = created.json()->getValue<std::string>("Id");
  const RawReply started = request("POST", "/start");
  if (started.status != 204) {
    remove();
    expectStatus(started, 204, "start");
  }
  pid_ = inspect()->getObject("State")->getValue<int>("Pid");
}

RawContainer::~RawContainer() {
  try {
    remove();
  } catch (const std::exception&) {  // the engine goes with all its containers
  }
}

RawReply RawContainer::request(std::string_view method, const std::string& rest) const {
  return rawRequest(socket_, method, "/containers/" + id_ + rest);
}

Poco::JSON::Object::Ptr RawContainer::inspect() const {
  const RawReply reply = request("GET", "/json");
  expectStatus(reply, 200, "inspect");
  return reply.json();
}

Poco::JSON::Object::Ptr RawContainer::stats() const {
  const RawReply reply = request("GET", "/stats?stream=false&one-shot=true");
  expectStatus(reply, 200, "stats");
  return reply.json();
}

void RawContainer::signal(int number) const {
  expectStatus(request("POST", "/kill?signal=" + std::to_string(number)), 204, "kill");
}

void untilProcessHandles(int pid, int number) {
  const auto bit = [](int signal) { return std::uint64_t(1) << (signal - 1); };
  for (int tries = 0; tries < 1000; ++tries) {
    std::ifstream status("/proc/" + std::to_string(pid) + "/status");
    for (std::string line; std::getline(status, line);)
      if (line.starts_with("SigCgt:")) {
        // Before its own program begins, process 1 is runc, which catches every signal and drops
        // it. Programs in Go catch SIGURG too, shells do not.
        const std::uint64_t caught = std::stoull(line.substr(7), nullptr, 16);
        if ((caught & bit(number)) != 0 && (caught & bit(SIGURG)) == 0) return;
      }
    ::usleep(10'000);
  }
  throw std::runtime_error("the process handles no signal " + std::to_string(number));
}

void RawContainer::untilItHandles(int number) const { untilProcessHandles(pid_, number); }

int RawContainer::wait() const {
  const RawReply reply = request("POST", "/wait");
  expectStatus(reply, 200, "wait");
  return reply.json()->getValue<int>("StatusCode");
}

void RawContainer::remove() {
  if (id_.empty()) return;
  request("POST", "/kill");  // Podman's removal would ask nicely first, for 10 s
  request("DELETE", "?force=1&v=1");
  id_.clear();
}

}  // namespace control::test
