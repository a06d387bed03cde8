// link_bench WS_ECHO WS_ECHO_CLIENT.MJS
//
// What the panel link carries: messages a second through ws_echo, which is the link's own code, and
// through an echo client on Node's `ws`, from the same server in the same run. The server is bare:
// it writes frames it made before and counts the bytes that come back.

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/ws_peer.h"

namespace {

using test_support::kText;
using test_support::wsClose;
using test_support::WsConnection;
using test_support::wsFrame;
using test_support::WsPeer;
using Clock = std::chrono::steady_clock;

/// Messages that are on their way at the same time: enough to keep both sides busy.
constexpr std::size_t kBytesAhead = 2 * 1024 * 1024;

/// Bytes of a masked frame.
std::size_t echoSize(std::size_t payload) {
  return payload + 6 + (payload < 126 ? 0 : payload < 65536 ? 2 : 8);
}

struct Figures {
  double messages_per_second = 0;
  double cpu_us_per_message = 0;  ///< of the client
};

class Client {
 public:
  Client(std::vector<std::string> command, const std::string& url) {
    command.push_back(url);
    std::vector<char*> arguments;
    for (std::string& word : command) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    if (::posix_spawnp(&process_, arguments[0], &actions, nullptr, arguments.data(), environ) != 0)
      throw std::runtime_error("cannot start " + command.front());
    ::posix_spawn_file_actions_destroy(&actions);
  }
  /// Processor time it took; waits for its end.
  double endedAfter() {
    rusage usage{};
    int status = 0;
    ::wait4(process_, &status, 0, &usage);
    const auto seconds = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
  }

 private:
  pid_t process_ = -1;
};

/// Sends `messages` frames of `size` bytes and takes their echoes. Returns the seconds.
double exchange(int descriptor, std::size_t size, std::size_t messages) {
  const std::string frame = wsFrame(kText, std::string(size, 'x'));
  std::string block;
  while (block.size() < 64 * 1024) block += frame;
  const std::size_t in_block = block.size() / frame.size();
  const std::size_t ahead = std::max<std::size_t>(1, kBytesAhead / frame.size());
  std::uint64_t sent_bytes = 0;
  std::uint64_t received_bytes = 0;
  const std::uint64_t all_sent = static_cast<std::uint64_t>(messages) * frame.size();
  const std::uint64_t all_received = static_cast<std::uint64_t>(messages) * echoSize(size);
  std::vector<char> buffer(256 * 1024);
  const auto began = Clock::now();
  while (received_bytes < all_received) {
    const std::uint64_t back = received_bytes / echoSize(size) * frame.size();
    const std::uint64_t limit = std::min<std::uint64_t>(all_sent, back + ahead * frame.size());
    if (sent_bytes < limit) {
      const std::size_t at = static_cast<std::size_t>(sent_bytes % (in_block * frame.size()));
      const std::size_t count = static_cast<std::size_t>(
          std::min<std::uint64_t>(limit - sent_bytes, in_block * frame.size() - at));
      const ssize_t written =
          ::send(descriptor, block.data() + at, count, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (written > 0) sent_bytes += static_cast<std::uint64_t>(written);
    }
    const bool full = sent_bytes >= limit;
    pollfd waiting{descriptor, static_cast<short>(full ? POLLIN : POLLIN | POLLOUT), 0};
    ::poll(&waiting, 1, 10'000);
    if ((waiting.revents & POLLIN) == 0) continue;
    const ssize_t count = ::recv(descriptor, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (count == 0) throw std::runtime_error("the client closed");
    if (count > 0) received_bytes += static_cast<std::uint64_t>(count);
  }
  return std::chrono::duration<double>(Clock::now() - began).count();
}

Figures measure(const std::vector<std::string>& command, std::size_t size, std::size_t messages) {
  WsPeer peer;
  Client client(command, peer.url("/"));
  auto connection = peer.next();
  if (!connection) throw std::runtime_error(command.front() + " does not connect");
  connection->accept();
  exchange(connection->descriptor(), size, messages / 10);
  const double seconds = exchange(connection->descriptor(), size, messages);
  connection->write(wsClose(1000));
  connection->read();
  connection->endBoth();
  const double cpu = client.endedAfter();
  return {.messages_per_second = static_cast<double>(messages) / seconds,
          .cpu_us_per_message = cpu * 1e6 / (static_cast<double>(messages) * 1.1)};
}

/// One at a time: the middle of the times there and back, in microseconds.
double roundTrip(const std::vector<std::string>& command) {
  constexpr int kTimes = 5000;
  WsPeer peer;
  Client client(command, peer.url("/"));
  auto connection = peer.next();
  if (!connection) throw std::runtime_error(command.front() + " does not connect");
  connection->accept();
  std::vector<double> times;
  for (int time = 0; time < kTimes; ++time)
    times.push_back(exchange(connection->descriptor(), 100, 1) * 1e6);
  connection->endBoth();
  client.endedAfter();
  std::nth_element(times.begin(), times.begin() + kTimes / 2, times.end());
  return times[kTimes / 2];
}

void compare(const std::vector<std::string>& ours, const std::vector<std::string>& theirs) {
  struct Load {
    std::size_t size;
    std::size_t messages;
    const char* goal;
  };
  for (const Load& load : {Load{16, 1'000'000, "at least 100,000/s"},
                           Load{300, 500'000, "at least 100,000/s"}, Load{4096, 100'000, ""}}) {
    const Figures a = measure(ours, load.size, load.messages);
    const Figures b = measure(theirs, load.size, load.messages);
    std::printf(
        "| `ws_echo` against Node's `ws`, %zu bytes a message | %.0f/s, %.1f us CPU | %.0f/s, "
        "%.1f us CPU | %.2f | %s |\n",
        load.size, a.messages_per_second, a.cpu_us_per_message, b.messages_per_second,
        b.cpu_us_per_message, a.messages_per_second / b.messages_per_second, load.goal);
    std::fflush(stdout);
  }
  const double a = roundTrip(ours);
  const double b = roundTrip(theirs);
  std::printf("| one message there and back, p50 | %.0f us | %.0f us | %.2f | |\n", a, b, a / b);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("use: link_bench WS_ECHO WS_ECHO_CLIENT.MJS\n", stderr);
    return 2;
  }
  ::signal(SIGPIPE, SIG_IGN);
  try {
    compare({argv[1]}, {"node", argv[2]});
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "link_bench: %s\n", problem.what());
    return 1;
  }
  return 0;
}
