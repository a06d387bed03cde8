// No bug: an engine behind a Unix socket that does not speak HTTP.

#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <stdexcept>
#include <thread>

#include "contract/fault_proxy.h"
#include "contract/mutants/decorator.h"
#include "contract/mutants/mutants.h"
#include "contract/scratch.h"

namespace control::conform {
namespace {

/// Answers to each connection that it is there.
class Server {
 public:
  static const std::string& path() {
    // As a daemon it outlives every runtime.
    static const Server& server = *new Server;
    return server.path_;
  }

 private:
  Server() {
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
    const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener, 16) != 0)
      throw std::runtime_error("cannot listen on " + path_);
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    std::thread([listener] { serve(listener); }).detach();
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  [[noreturn]] static void serve(int listener) {
    for (;;) {
      const int client = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
      if (client < 0) continue;
      (void)::send(client, "here", 4, MSG_NOSIGNAL);
      ::close(client);
    }
  }

  const ScratchFolder folder_{ScratchFolder::For::kSocket};
  const std::string path_ = folder_.path() + "/other.sock";
};

class OtherProtocol final : public Decorator {
 public:
  OtherProtocol(std::shared_ptr<ContainerRuntime> inner, std::string path)
      : Decorator(std::move(inner)), path_(std::move(path)) {}
  Result<RuntimeInfo> info(const CallContext& context) override {
    const int fd = connectTo(path_);
    char answer[4];
    const bool is_there = ::recv(fd, answer, sizeof answer, MSG_WAITALL) == sizeof answer;
    ::close(fd);
    if (!is_there) return Error{.code = ErrorCode::kUnavailable};
    auto info = Decorator::info(context);
    if (info) info->endpoint = Server::path();
    return info;
  }
  void* extension(std::string_view) noexcept override { return nullptr; }

 private:
  const std::string path_;
};

}  // namespace

std::unique_ptr<ContainerRuntime> makeOtherProtocol(std::shared_ptr<ContainerRuntime> inner,
                                                    const std::string& path) {
  const bool is_socket = path.ends_with(".sock");
  return std::make_unique<OtherProtocol>(std::move(inner), is_socket ? path : Server::path());
}

}  // namespace control::conform
