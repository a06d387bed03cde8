#include "agent/panel/console_feed.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "agent/actions/console.h"
#include "agent/panel/json_plain.h"
#include "agent/panel/message.h"

namespace agent {
namespace {

/// What an event is beside its line, about.
constexpr double kEventBytes = 200;
constexpr std::size_t kLongestOutput = 32 * 1024;
/// A turn that is worth sending anything in.
constexpr double kLeastTurn = 1024;

}  // namespace

ConsoleFeed::ConsoleFeed(Outgoing& out, bool legacy) : out_(out), legacy_(legacy) {}

void ConsoleFeed::start(const control::Supervisor& supervisor) {
  supervisor_ = &supervisor;
  thread_ = std::thread([this] { run(); });
}

void ConsoleFeed::notice(const std::string& server_id) {
  const std::lock_guard lock(mutex_);
  const auto [server, is_new] = servers_.try_emplace(server_id);
  if (is_new) server->second.generation = ++last_generation_;
  server->second.pending = true;
  if (!std::exchange(any_pending_, true)) changed_.notify_all();
}

void ConsoleFeed::forget(const std::string& server_id) {
  const std::lock_guard lock(mutex_);
  servers_.erase(server_id);
}

void ConsoleFeed::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void ConsoleFeed::run() {
  auto before = std::chrono::steady_clock::now();
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || any_pending_; });
      // What comes until then goes along.
      changed_.wait_for(lock, kTurn, [this] { return stopping_; });
      if (stopping_) return;
      any_pending_ = false;
    }
    const auto now = std::chrono::steady_clock::now();
    turn(std::chrono::duration<double>(now - std::exchange(before, now)).count());
  }
}

/// Each server with something new gets its part, the one after the last one first.
void ConsoleFeed::turn(double seconds) {
  std::vector<std::string> pending;
  double share = 0;
  {
    const std::lock_guard lock(mutex_);
    allowance_ = std::min(allowance_ + seconds * kBytesPerSecond, kBytesPerSecond / 4);
    for (auto& [server_id, server] : servers_) {
      server.allowance =
          std::min(server.allowance + seconds * kServerBytesPerSecond, kServerBytesPerSecond / 4);
      if (server.pending) pending.push_back(server_id);
    }
    const auto first = std::upper_bound(pending.begin(), pending.end(), last_);
    std::rotate(pending.begin(), first, pending.end());
    if (!pending.empty())
      share = std::max(allowance_ / static_cast<double>(pending.size()), 2 * kLeastTurn);
  }
  for (const std::string& server_id : pending) {
    Server server;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      const auto found = servers_.find(server_id);
      const bool can = found != servers_.end() && allowance_ >= kLeastTurn &&
                       found->second.allowance >= kLeastTurn;
      if (!can) {
        any_pending_ = any_pending_ || found != servers_.end();
        continue;
      }
      found->second.pending = false;
      server = found->second;
      last_ = server_id;
    }
    const double used = sendNew(server_id, server, std::min(share, server.allowance));
    const std::lock_guard lock(mutex_);
    allowance_ -= used;
    const auto found = servers_.find(server_id);
    // A new server may have got the name meanwhile.
    if (found == servers_.end() || found->second.generation != server.generation) continue;
    found->second.allowance -= used;
    found->second.begun = server.begun;
    found->second.sent = server.sent;
    found->second.pending = found->second.pending || server.pending;
    any_pending_ = any_pending_ || server.pending;
  }
}

/// The bytes that were sent.
double ConsoleFeed::sendNew(const std::string& server_id, Server& server, double allowance) {
  const double part = legacy_ ? allowance / 2 : allowance;
  const control::ConsoleQuery query{.after = server.sent,
                                    .lines = static_cast<std::size_t>(part / kEventBytes) + 1,
                                    .text_bytes = static_cast<std::size_t>(part),
                                    .newest = false};
  auto page = supervisor_->console(server_id, query);
  if (!page) return 0;
  if (!std::exchange(server.begun, true) && page->restored > 0) {
    // What an agent before this one has read is there to be asked for.
    server.sent = page->restored;
    page = supervisor_->console(server_id, {.after = server.sent,
                                            .lines = query.lines,
                                            .text_bytes = query.text_bytes,
                                            .newest = false});
    if (!page) return 0;
  }
  double used = legacy_ ? sendLegacy(server_id, *page, server.sent) : 0;
  for (const control::ConsoleLine& line : page->lines) {
    const bool is_gap = line.source == control::OutputSource::kGap;
    const std::uint64_t missing =
        is_gap ? 0 : control::linesBetween(server.sent, line.number).value_or(0);
    if (missing > 0) sendGap(server_id, line.number - 1, missing, kTooMuchOutput);
    if (is_gap)
      sendGap(server_id, line.number, 0, line.text);
    else
      used += sendLine(server_id, line);
    dropped_ += missing;
    server.sent = line.number;
  }
  server.pending = page->left_out > 0;
  return used;
}

double ConsoleFeed::sendLine(const std::string& server_id, const control::ConsoleLine& line) {
  Json data;
  data.set("serverId", server_id);
  for (Json::Member& member : encodeLine(line)) data.set(std::move(member.first), member.second);
  out_.event("server_log", std::move(data));
  return static_cast<double>(encodedBytes(line.text)) + kEventBytes;
}

void ConsoleFeed::sendGap(const std::string& server_id, std::uint64_t number, std::uint64_t lines,
                          const std::string& reason) {
  Json data;
  data.set("serverId", server_id).set("seq", number);
  if (lines > 0) data.set("dropped", lines);
  data.set("reason", reason);
  out_.event("server_log_gap", std::move(data), Delivery::kConsole);
}

double ConsoleFeed::sendLegacy(const std::string& server_id, const control::ConsolePage& page,
                               std::uint64_t sent) {
  double used = 0;
  std::string text;
  const char* stream = nullptr;
  const auto flush = [&] {
    if (text.empty()) return;
    used += static_cast<double>(encodedBytes(text)) + kEventBytes;
    sendOutput(server_id, stream, std::exchange(text, {}));
  };
  for (const control::ConsoleLine& line : page.lines) {
    const bool is_gap = line.source == control::OutputSource::kGap;
    const char* const its = is_gap ? (stream == nullptr ? "console" : stream) : streamName(line);
    if (stream != its || text.size() + line.text.size() > kLongestOutput) flush();
    stream = its;
    if (!is_gap && line.number > sent + 1)
      text += "[" + std::to_string(line.number - sent - 1) + " lines left out]\n";
    text += is_gap ? "[" + line.text + "]" : line.text;
    if (!line.cut) text += '\n';
    sent = line.number;
  }
  flush();
  return used;
}

void ConsoleFeed::sendOutput(const std::string& server_id, const char* stream, std::string text) {
  Json data;
  data.set("serverId", server_id).set("output", std::move(text)).set("stream", stream);
  data.set("timestamp", timestampNow());
  out_.legacy("server_output", std::move(data));
}

}  // namespace agent
