#include "agent/panel/connection.h"

#include <poll.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "agent/log.h"

namespace agent {
namespace {

/// While so much waits to be answered, no further commands are read.
constexpr std::size_t kAnswerBacklog = 4 * 1024 * 1024;
/// Likewise for what is in the socket's way: mostly pongs, which nothing else bounds.
constexpr std::size_t kOutputBacklog = 256 * 1024;
/// So much is made into frames ahead of the socket: enough for one system call to send it all.
constexpr std::size_t kSentTogether = 64 * 1024;
constexpr std::size_t kReadTogether = 64 * 1024;
/// Of reads, and of writes, before the other direction has its turn.
constexpr int kInARow = 4;

constexpr std::chrono::milliseconds kToClose{1000};
constexpr std::chrono::milliseconds kLongestSleep{60'000};

}  // namespace

std::string inSeconds(std::chrono::milliseconds time) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f s", static_cast<double>(time.count()) / 1000);
  return text;
}

Connection::Connection(ConnectionParts parts, Dialed dialed)
    : parts_(parts),
      timing_(parts_.settings.timing),
      transport_(std::move(dialed.transport)),
      early_(std::move(dialed.early)),
      reader_(parts_.settings.rules),
      buffer_(kReadTogether),
      more_to_read_(transport_->holdsMore()),
      heartbeat_at_(now_ + parts_.settings.heartbeat_interval) {}

Connection::~Connection() { giveBack(output_.takeBack()); }

Ending Connection::run() {
  try {
    for (std::string& text : parts_.listener.greeting()) greeting_.push_back(std::move(text));
    if (auto ending = take(std::exchange(early_, {}))) return *std::move(ending);
    for (;;) {
      if (parts_.stopping) return sayGoodbye();
      if (auto ending = turn()) return *std::move(ending);
    }
  } catch (const std::exception& defect) {
    log::error("panel", std::string("a defect while talking to the panel: ") + defect.what());
    return {"a defect of the agent"};
  }
}

/// The timers come last: after a pause of the whole process, what came meanwhile counts.
std::optional<Ending> Connection::turn() {
  parts_.pulse.turned();
  if (auto ending = send()) return ending;
  if (awaitSomething())
    if (auto ending = receive()) return ending;
  return runTimers();
}

/// Makes frames of what waits. False when nothing did.
bool Connection::fill() {
  bool filled = false;
  for (; output_.pending() < kSentTogether; filled = true) {
    if (!greeting_.empty()) {
      output_.frame(Opcode::kText, greeting_.front());
      greeting_.pop_front();
      continue;
    }
    auto message = parts_.outbox.take();
    if (!message) break;
    if (message->dropped_lines > 0)
      message->text =
          parts_.listener.consoleGap(message->subject, message->dropped_lines, message->sequence);
    output_.message(*std::move(message));
  }
  return filled;
}

/// What is left after so many writes is made into frames, too: room to write is what is waited for
/// next.
std::optional<Ending> Connection::send() {
  for (int times = 0;; ++times) {
    if (output_.pending() == 0) sent_at_ = now_;
    fill();
    if (output_.pending() == 0 || times == kInARow) return std::nullopt;
    const Io io = transport_->write(output_.unsent());
    if (io.state == Io::State::kWait) {
      output_.held(io.bytes);
      return std::nullopt;
    }
    if (io.state != Io::State::kMoved) return Ending{"the connection broke: " + io.problem};
    parts_.traffic.sent += output_.sent(io.bytes);
    sent_at_ = now_;
  }
}

bool Connection::mayRead() const {
  return output_.pending() < kOutputBacklog && parts_.outbox.keptBytes() <= kAnswerBacklog;
}

/// Until there is something to read (true), room to write, a message to send, or a timer due.
bool Connection::awaitSomething() {
  const bool reading = mayRead();
  const bool at_once = reading && more_to_read_;
  const short read_events = reading ? transport_->readEvents() : short{0};
  const short write_events = output_.pending() > 0 ? transport_->writeEvents() : short{0};
  pollfd waiting[2] = {
      {transport_->descriptor(), static_cast<short>(read_events | write_events), 0},
      {parts_.wake_up.descriptor(), POLLIN, 0}};
  const auto left = std::chrono::ceil<milliseconds>(nextTimer() - Clock::now());
  const auto patience =
      at_once ? milliseconds(0) : std::clamp(left, milliseconds(0), kLongestSleep);
  const int ready = ::poll(waiting, 2, static_cast<int>(patience.count()));
  now_ = Clock::now();
  if (ready > 0 && waiting[1].revents != 0) parts_.wake_up.lower();
  // A connection that broke is read even if nothing more is wanted: that tells how.
  return at_once || (ready > 0 && (waiting[0].revents & (read_events | POLLHUP | POLLERR)) != 0);
}

std::optional<Ending> Connection::receive() {
  for (int times = 0; times < kInARow; ++times) {
    const Io io = transport_->read(buffer_.data(), buffer_.size());
    more_to_read_ = io.state == Io::State::kMoved && transport_->holdsMore();
    switch (io.state) {
      case Io::State::kWait:
        return std::nullopt;
      case Io::State::kEnd:
        return Ending{"the panel closed the connection without a word"};
      case Io::State::kBroken:
        return Ending{"the connection broke: " + io.problem};
      case Io::State::kMoved:
        break;
    }
    received_at_ = now_;
    if (auto ending = take({buffer_.data(), io.bytes})) return ending;
    if (!mayRead() || (!more_to_read_ && io.bytes < buffer_.size())) break;
  }
  return std::nullopt;
}

std::optional<Ending> Connection::take(std::string_view bytes) {
  while (auto event = reader_.next(bytes))
    if (auto ending = obey(*std::move(event))) return ending;
  if (std::exchange(frame_, reader_.frames()) != reader_.frames() || !reader_.insideFrame())
    frame_began_at_ = now_;
  return std::nullopt;
}

std::optional<Ending> Connection::obey(FrameEvent event) {
  switch (event.kind) {
    case FrameEvent::Kind::kMessage:
      ++parts_.traffic.received;
      if (event.binary)
        parts_.listener.onBinary(std::move(event.text));
      else
        parts_.listener.onMessage(std::move(event.text));
      break;
    case FrameEvent::Kind::kProblem:
      parts_.listener.onFrameProblem(event.problem);
      break;
    case FrameEvent::Kind::kPing:
      output_.frame(Opcode::kPong, event.text);
      break;
    case FrameEvent::Kind::kClose:
      return answerClose(event);
    case FrameEvent::Kind::kViolation:
      return endWith(event.code, "the panel broke the WebSocket protocol: " + event.text);
  }
  return std::nullopt;
}

std::optional<Ending> Connection::runTimers() {
  // While we do not read, silence says nothing; a peer that is gone shows when sending.
  if (!mayRead()) received_at_ = frame_began_at_ = now_;
  if (reader_.insideFrame() &&
      (now_ - received_at_ >= timing_.frame_gap || now_ - frame_began_at_ >= timing_.dead_after))
    return Ending{"the panel was silent in the middle of a frame"};
  if (now_ - received_at_ >= timing_.dead_after)
    return Ending{"nothing came from the panel for " + inSeconds(timing_.dead_after)};
  const bool clogged = output_.pending() > kSentTogether;
  if (output_.pending() > 0 && now_ - sent_at_ >= timing_.frame_gap)
    return Ending{"the panel has read nothing for " + inSeconds(timing_.frame_gap)};
  if (now_ - std::max(received_at_, pinged_at_) >= timing_.ping_after) {
    if (!clogged) output_.frame(Opcode::kPing, "");
    pinged_at_ = now_;
  }
  if (parts_.settings.heartbeat_interval.count() > 0 && now_ >= heartbeat_at_) {
    if (!clogged) output_.frame(Opcode::kText, parts_.listener.heartbeat());
    heartbeat_at_ = now_ + parts_.settings.heartbeat_interval;
  }
  return std::nullopt;
}

Connection::Clock::time_point Connection::nextTimer() const {
  auto next = std::min(received_at_ + timing_.dead_after,
                       std::max(received_at_, pinged_at_) + timing_.ping_after);
  if (parts_.settings.heartbeat_interval.count() > 0) next = std::min(next, heartbeat_at_);
  if (reader_.insideFrame())
    next = std::min({next, received_at_ + timing_.frame_gap, frame_began_at_ + timing_.dead_after});
  if (output_.pending() > 0) next = std::min(next, sent_at_ + timing_.frame_gap);
  return next;
}

Ending Connection::answerClose(const FrameEvent& close) {
  const bool has_code = close.code != close_code::kNone;
  const auto deadline = Clock::now() + kToClose;
  if (parts_.settings.rules.send_before_close) drain(deadline, true);
  closeBy(deadline, has_code ? closePayload(close.code, "") : std::string());
  Ending ending{"the panel closed the connection"};
  if (has_code) ending.text += " with code " + std::to_string(close.code);
  if (!close.text.empty()) ending.text += ": " + close.text;
  ending.come_back_later =
      close.code == close_code::kServiceRestart || close.code == close_code::kTryAgainLater;
  return ending;
}

Ending Connection::endWith(int code, const std::string& why) {
  const auto deadline = Clock::now() + kToClose;
  const bool too_big = code == close_code::kTooBig;
  if (too_big) parts_.listener.onFrameProblem(FrameProblem::kTooLarge);
  if (too_big || parts_.settings.rules.send_before_close) drain(deadline, true);
  closeBy(deadline, closePayload(code, why));
  return {why + " (closed with " + std::to_string(code) + ')'};
}

Ending Connection::sayGoodbye() {
  const auto deadline = Clock::now() + timing_.goodbye;
  if (drain(deadline, true))
    closeBy(deadline, closePayload(close_code::kGoingAway, "the agent stops"));
  return {"the agent stops"};
}

/// What is not begun waits for the next connection: the peer may read no more of this one.
void Connection::closeBy(Clock::time_point deadline, std::string_view payload) {
  giveBack(output_.cut());
  output_.frame(Opcode::kClose, payload);
  if (drain(deadline, false)) awaitEnd(deadline);
}

/// Sends what is in the output, or in the outbox too. False when that did not succeed in time.
bool Connection::drain(Clock::time_point deadline, bool whole_outbox) {
  for (;;) {
    if (whole_outbox) fill();
    if (output_.pending() == 0) return true;
    const Io io = transport_->write(output_.unsent());
    if (io.state == Io::State::kWait) output_.held(io.bytes);
    if (io.state == Io::State::kMoved)
      parts_.traffic.sent += output_.sent(io.bytes);
    else if (io.state != Io::State::kWait || !awaitUntil(transport_->writeEvents(), deadline))
      return false;
    if (Clock::now() >= deadline) return output_.pending() == 0;
  }
}

/// Reads and forgets until the peer ends the connection. Closing with bytes unread would reset it,
/// and the peer might never see our close frame.
void Connection::awaitEnd(Clock::time_point deadline) {
  while (Clock::now() < deadline) {
    const Io io = transport_->read(buffer_.data(), buffer_.size());
    if (io.state == Io::State::kEnd || io.state == Io::State::kBroken) return;
    if (io.state == Io::State::kWait && !awaitUntil(transport_->readEvents(), deadline)) return;
  }
}

bool Connection::awaitUntil(short events, Clock::time_point deadline) const {
  const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now());
  pollfd waiting{transport_->descriptor(), events, 0};
  return left.count() > 0 && ::poll(&waiting, 1, static_cast<int>(left.count())) != 0;
}

void Connection::giveBack(std::vector<Outbox::Message> messages) {
  for (Outbox::Message& message : messages) parts_.outbox.putBack(std::move(message));
}

}  // namespace agent
