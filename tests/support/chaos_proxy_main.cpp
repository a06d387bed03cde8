// chaos_proxy TARGET-PORT [OPTION...]
//
// A TCP proxy between ports of 127.0.0.1 that harms what it carries; prints its own port. Each
// option has the form DIRECTION.WHAT=N, the direction being `down` (to the client) or `up` (to the
// server):
//   down.latency=MS  down.slice=BYTES  down.reset=BYTES  down.finish=BYTES  down.silence=BYTES
// The last three end the connection after so many bytes. USR1 makes all connections half-open.
// Ends with its standard input.

#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "support/chaos_proxy.h"

namespace {

using test_support::Chaos;

bool apply(Chaos& chaos, const std::string& what, long long number) {
  if (number < 0) return false;
  if (what == "latency") {
    chaos.latency = std::chrono::milliseconds(number);
    return true;
  }
  if (what == "slice") {
    chaos.slice = static_cast<std::size_t>(number);
    return true;
  }
  chaos.end_after = static_cast<std::uint64_t>(number);
  chaos.end = what == "reset"     ? Chaos::End::kReset
              : what == "finish"  ? Chaos::End::kFinish
              : what == "silence" ? Chaos::End::kSilence
                                  : Chaos::End::kNone;
  return chaos.end != Chaos::End::kNone;
}

}  // namespace

int main(int argc, char** argv) {
  Chaos down;
  Chaos up;
  const int target = argc > 1 ? std::atoi(argv[1]) : 0;
  bool right = target > 0;
  for (int at = 2; at < argc && right; ++at) {
    const std::string option = argv[at];
    const std::size_t dot = option.find('.');
    const std::size_t equals = option.find('=');
    right = dot != std::string::npos && equals != std::string::npos && dot < equals &&
            (option.starts_with("down.") || option.starts_with("up.")) &&
            apply(option.starts_with("down.") ? down : up, option.substr(dot + 1, equals - dot - 1),
                  std::atoll(option.c_str() + equals + 1));
  }
  if (!right) {
    std::fputs(
        "use: chaos_proxy TARGET-PORT [down.WHAT=N | up.WHAT=N ...], WHAT: latency slice "
        "reset finish silence\n",
        stderr);
    return 2;
  }
  sigset_t asked;
  ::sigemptyset(&asked);
  ::sigaddset(&asked, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &asked, nullptr);
  test_support::ChaosProxy proxy(target);
  proxy.harm(down, up);
  std::printf("%d\n", proxy.port());
  std::fflush(stdout);
  std::thread([&] {
    for (int number = 0; ::sigwait(&asked, &number) == 0;) proxy.silence();
  }).detach();
  char byte = 0;
  while (::read(STDIN_FILENO, &byte, 1) > 0) {
  }
  std::_Exit(0);
}
