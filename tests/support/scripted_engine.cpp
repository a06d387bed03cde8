#include "support/scripted_engine.h"

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <list>
#include <mutex>
#include <stdexcept>
#include <thread>

namespace control::test {
namespace {

std::string temporaryDirectory() {
  std::string name = "/tmp/ct-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
  return name;
}

std::size_t contentLength(const std::string& head) {
  const std::size_t at = head.find("Content-Length: ");
  return at == std::string::npos ? 0 : std::stoul(head.substr(at + 16));
}

}  // namespace

void ScriptedEngine::Peer::reply(int status, std::string_view body, std::string_view headers) {
  std::string text = "HTTP/1.1 " + std::to_string(status) + " Status\r\n" + std::string(headers);
  if (status != 204 && status != 304)
    text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  send(text + "\r\n" + std::string(body));
}

struct ScriptedEngine::State {
  Script script;
  std::string directory{};
  int listener = -1;
  int stop = ::eventfd(0, EFD_CLOEXEC);
  int port = 0;
  SSL_CTX* tls = nullptr;
  mutable std::mutex mutex;
  std::vector<Request> requests{};   ///< guarded by mutex
  std::list<std::thread> workers{};  ///< guarded by mutex
  std::thread acceptor{};

  bool readable(int fd) const {
    pollfd polled[2] = {{fd, POLLIN, 0}, {stop, POLLIN, 0}};
    while (::poll(polled, 2, -1) < 0) {
    }
    return polled[1].revents == 0;
  }

  void acceptAll();
  void serve(int fd, int number);
  void begin();
};

namespace {

class SocketPeer final : public ScriptedEngine::Peer {
 public:
  SocketPeer(int fd, SSL* tls, std::function<bool(int)> readable)
      : fd_(fd), tls_(tls), readable_(std::move(readable)) {}

  void send(std::string_view bytes) override {
    while (!bytes.empty()) {
      const auto sent = tls_ != nullptr
                            ? SSL_write(tls_, bytes.data(), static_cast<int>(bytes.size()))
                            : ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  std::string receive() override {
    char buffer[16384];
    if ((tls_ == nullptr || SSL_pending(tls_) == 0) && !readable_(fd_)) return {};
    const auto got = tls_ != nullptr ? SSL_read(tls_, buffer, sizeof buffer)
                                     : ::recv(fd_, buffer, sizeof buffer, 0);
    return got <= 0 ? std::string() : std::string(buffer, static_cast<std::size_t>(got));
  }

 private:
  const int fd_;
  SSL* const tls_;
  const std::function<bool(int)> readable_;
};

}  // namespace

void ScriptedEngine::State::serve(int fd, int number) {
  SSL* session = nullptr;
  if (tls != nullptr) {
    session = SSL_new(tls);
    SSL_set_fd(session, fd);
    if (SSL_accept(session) != 1) {
      SSL_free(session);
      // A close with the client's request unread would reset the connection and lose our alert.
      ::shutdown(fd, SHUT_WR);
      SocketPeer(fd, nullptr, [this](int polled) { return readable(polled); }).waitForClose();
      ::close(fd);
      return;
    }
  }
  SocketPeer peer(fd, session, [this](int polled) { return readable(polled); });
  std::string pending;
  for (;;) {
    std::size_t end = std::string::npos;
    while ((end = pending.find("\r\n\r\n")) == std::string::npos) {
      const std::string more = peer.receive();
      if (more.empty()) break;
      pending += more;
    }
    if (end == std::string::npos) break;
    Request request{.head = pending.substr(0, end), .connection = number};
    pending.erase(0, end + 4);
    while (pending.size() < contentLength(request.head)) {
      const std::string more = peer.receive();
      if (more.empty()) break;
      pending += more;
    }
    request.body = pending.substr(0, contentLength(request.head));
    pending.erase(0, request.body.size());
    const std::size_t space = request.head.find(' ');
    request.method = request.head.substr(0, space);
    request.target = request.head.substr(space + 1, request.head.find(' ', space + 1) - space - 1);
    {
      const std::lock_guard lock(mutex);
      requests.push_back(request);
    }
    if (!script(request, peer)) break;
  }
  if (session != nullptr) {
    SSL_shutdown(session);
    SSL_free(session);
  }
  ::close(fd);
}

void ScriptedEngine::State::acceptAll() {
  for (int number = 1; readable(listener); ++number) {
    const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    const std::lock_guard lock(mutex);
    workers.emplace_back([this, fd, number] { serve(fd, number); });
  }
}

void ScriptedEngine::State::begin() {
  if (::listen(listener, 64) != 0) throw std::runtime_error("listen failed");
  acceptor = std::thread([this] { acceptAll(); });
}

ScriptedEngine::ScriptedEngine(Script script) : state_(std::make_unique<State>()) {
  state_->script = std::move(script);
  state_->directory = temporaryDirectory();
  state_->listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = socketPath();
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  if (::bind(state_->listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw std::runtime_error("bind failed");
  state_->begin();
}

ScriptedEngine::ScriptedEngine(Script script, const Tls& tls) : state_(std::make_unique<State>()) {
  state_->script = std::move(script);
  state_->tls = SSL_CTX_new(TLS_server_method());
  bool good = SSL_CTX_use_certificate_file(state_->tls, tls.certificate_file.c_str(),
                                           SSL_FILETYPE_PEM) == 1 &&
              SSL_CTX_use_PrivateKey_file(state_->tls, tls.key_file.c_str(), SSL_FILETYPE_PEM) == 1;
  if (!tls.client_ca_file.empty()) {
    good = good &&
           SSL_CTX_load_verify_locations(state_->tls, tls.client_ca_file.c_str(), nullptr) == 1;
    SSL_CTX_set_verify(state_->tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  if (!good) throw std::runtime_error("the certificates cannot be used");
  state_->listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(state_->listener, reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      ::getsockname(state_->listener, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw std::runtime_error("bind failed");
  state_->port = ntohs(address.sin_port);
  state_->begin();
}

ScriptedEngine::~ScriptedEngine() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(state_->stop, &one, sizeof one);
  state_->acceptor.join();
  for (std::thread& worker : state_->workers) worker.join();
  ::close(state_->listener);
  ::close(state_->stop);
  if (state_->tls != nullptr) SSL_CTX_free(state_->tls);
  if (!state_->directory.empty()) std::filesystem::remove_all(state_->directory);
}

std::string ScriptedEngine::socketPath() const { return state_->directory + "/e.sock"; }
std::string ScriptedEngine::uri() const { return "docker://" + socketPath(); }
int ScriptedEngine::port() const { return state_->port; }

std::vector<ScriptedEngine::Request> ScriptedEngine::requests() const {
  const std::lock_guard lock(state_->mutex);
  return state_->requests;
}

int ScriptedEngine::count(std::string_view method, std::string_view part) const {
  int found = 0;
  for (const Request& request : requests())
    found += request.method == method && request.target.find(part) != std::string::npos ? 1 : 0;
  return found;
}

ScriptedEngine::Script dockerScript(std::string api_version, ScriptedEngine::Script script) {
  return [version = std::move(api_version), script = std::move(script)](
             const ScriptedEngine::Request& request, ScriptedEngine::Peer& peer) {
    if (request.target != "/_ping") return script(request, peer);
    // The answer to a HEAD has a length and no body.
    peer.send("HTTP/1.1 200 OK\r\nApi-Version: " + version + "\r\nContent-Length: 2\r\n\r\n" +
              (request.method == "HEAD" ? "" : "OK"));
    return true;
  };
}

TestCertificates::TestCertificates() : directory_(temporaryDirectory()) {
  const std::string script = "cd " + directory_ + R"( && exec 2>/dev/null && set -e
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test-ca -keyout ca-key.pem -out ca.pem
    for who in server client; do
      openssl req -newkey rsa:2048 -nodes -subj /CN=$who -keyout $who-key.pem -out $who.csr
      printf 'subjectAltName=IP:127.0.0.1\n' > ext
      openssl x509 -req -in $who.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 2 -extfile ext -out $who.pem
    done
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=other-ca -keyout other-key.pem -out other.pem)";
  if (std::system(script.c_str()) != 0)
    throw std::runtime_error("openssl cannot make certificates");
}

TestCertificates::~TestCertificates() { std::filesystem::remove_all(directory_); }

}  // namespace control::test
