#include "agent/panel/transport.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace agent {
namespace {

class PlainTransport : public Transport {
 public:
  explicit PlainTransport(Descriptor descriptor) : descriptor_(std::move(descriptor)) {}

  Io read(char* to, std::size_t size) override {
    const ssize_t count = ::recv(descriptor_.get(), to, size, 0);
    return count == 0 ? Io{.state = Io::State::kEnd} : outcome(count);
  }
  Io write(std::string_view bytes) override {
    return outcome(::send(descriptor_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL));
  }
  bool holdsMore() const override { return false; }
  int descriptor() const override { return descriptor_.get(); }
  short readEvents() const override { return POLLIN; }
  short writeEvents() const override { return POLLOUT; }

 private:
  static Io outcome(ssize_t count) {
    if (count >= 0) return {.bytes = static_cast<std::size_t>(count)};
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
      return {.state = Io::State::kWait};
    return {.state = Io::State::kBroken, .problem = ::strerror(errno)};
  }

  const Descriptor descriptor_;
};

}  // namespace

std::unique_ptr<Transport> plainTransport(Descriptor descriptor) {
  return std::make_unique<PlainTransport>(std::move(descriptor));
}

}  // namespace agent
