// ws_echo [--ca FILE] URL
//
// Connects as the agent does, sends every message back as it came, text as text and binary as
// binary, and ends when the server closes. Made of the agent's own link, so that what a WebSocket
// conformance server says of this is true of the agent. It differs by its rules only: binary
// messages are welcome, messages may be large and in any number of fragments, and a bad one ends
// the connection, as RFC 6455 has it, where the agent answers with an error and goes on.
//
// Ends with 0 after a connection, whichever way that went; 1: there was none; 2: wrong arguments.

#include <signal.h>

#include <atomic>
#include <cstdio>
#include <limits>
#include <string>
#include <string_view>

#include "agent/log.h"
#include "agent/panel/connection.h"
#include "agent/panel/dialer.h"

namespace {

class Echo : public agent::LinkListener {
 public:
  explicit Echo(agent::Outbox& outbox) : outbox_(outbox) {}

  std::vector<std::string> greeting() override { return {}; }
  std::string heartbeat() override { return {}; }
  void onMessage(std::string text) override {
    outbox_.push(std::move(text), agent::Delivery::kResult);
  }
  void onBinary(std::string bytes) override {
    outbox_.push({.text = std::move(bytes), .delivery = agent::Delivery::kResult, .binary = true});
  }
  void onFrameProblem(agent::FrameProblem) override {}
  std::string consoleGap(const std::string&, std::uint64_t, std::uint64_t) override { return {}; }

 private:
  agent::Outbox& outbox_;
};

agent::LinkSettings settingsFor(const std::string& url, const std::string& ca_file) {
  agent::LinkSettings settings;
  settings.url = url;
  settings.ca_file = ca_file;
  settings.node_id_in_query = false;
  settings.heartbeat_interval = std::chrono::milliseconds(0);
  settings.rules = {.largest_message = 64 * 1024 * 1024,
                    .largest_skipped = 64 * 1024 * 1024,
                    .most_fragments = std::numeric_limits<std::size_t>::max(),
                    .binary = true,
                    .skip_bad_messages = false,
                    .send_before_close = true};
  return settings;
}

int echo(const agent::LinkSettings& settings) {
  const std::atomic<bool> stopping{false};
  agent::Dialed dialed = agent::Dialer(settings, stopping).dial();
  if (!dialed.transport) {
    std::fprintf(stderr, "ws_echo: %s\n", dialed.failure.text.c_str());
    return 1;
  }
  agent::Outbox outbox;
  agent::WakeUp wake_up;
  agent::Traffic traffic;
  control::Pulse pulse;
  Echo listener(outbox);
  const agent::Ending ending =
      agent::Connection({settings, listener, outbox, wake_up, traffic, stopping, pulse},
                        std::move(dialed))
          .run();
  std::fprintf(stderr, "ws_echo: %s; %llu messages\n", ending.text.c_str(),
               static_cast<unsigned long long>(traffic.received));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  agent::log::setUp(agent::LogLevel::kError, agent::LogFormat::kText);
  std::string url;
  std::string ca_file;
  for (int at = 1; at < argc; ++at) {
    if (std::string_view(argv[at]) == "--ca" && at + 1 < argc)
      ca_file = argv[++at];
    else
      url = argv[at];
  }
  if (!url.starts_with("ws://") && !url.starts_with("wss://")) {
    std::fputs("use: ws_echo [--ca FILE] URL, which begins with ws:// or wss://\n", stderr);
    return 2;
  }
  return echo(settingsFor(url, ca_file));
}
