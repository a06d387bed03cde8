#include "agent/panel/outbox.h"

#include <algorithm>
#include <array>
#include <unordered_set>
#include <utility>

namespace agent {
namespace {

bool isKept(Delivery delivery) {
  return delivery == Delivery::kResult || delivery == Delivery::kOutcome;
}

}  // namespace

Outbox::Queue& Outbox::queueOf(Delivery delivery) {
  switch (delivery) {
    case Delivery::kResult:
      return results_;
    case Delivery::kOutcome:
      return outcomes_;
    case Delivery::kState:
      return states_;
    case Delivery::kConsole:
      return lines_;
    case Delivery::kStream:
      break;
  }
  return streams_;
}

void Outbox::count(const Message& message) {
  bytes_ += message.text.size();
  if (isKept(message.delivery)) kept_bytes_ += message.text.size();
}

void Outbox::uncount(const Message& message) {
  bytes_ -= message.text.size();
  if (isKept(message.delivery)) kept_bytes_ -= message.text.size();
}

void Outbox::push(Outbound message) {
  const std::lock_guard lock(mutex_);
  Message numbered{std::move(message), next_number_++};
  count(numbered);
  queueOf(numbered.delivery).push_back(std::move(numbered));
  makeRoom();
}

void Outbox::putBack(Message message) {
  const std::lock_guard lock(mutex_);
  count(message);
  queueOf(message.delivery).push_front(std::move(message));
  makeRoom();
}

void Outbox::makeRoom() {
  while (states_.size() + lines_.size() + streams_.size() > limits_.messages ||
         bytes_ - kept_bytes_ > limits_.bytes) {
    if (!streams_.empty())
      dropFront(streams_);
    else if (lines_.size() <= states_.size() && dropSupersededStates())
      continue;
    else if (!lines_.empty())
      dropLine();
    else
      // The snapshot that opens each connection stands for it.
      dropFront(states_);
  }
}

void Outbox::dropFront(Queue& queue) {
  uncount(queue.front());
  queue.pop_front();
  ++dropped_;
}

/// The gap moves on to where the last dropped line was, so that what is told stays in order.
void Outbox::dropLine() {
  const Message& line = lines_.front();
  if (line.sequence != 0) {
    Gap gap{.subject = line.subject};
    if (const auto known = gap_of_.find(line.subject); known != gap_of_.end()) {
      gap = std::move(gaps_[known->second]);
      gaps_.erase(known->second);
    }
    gap.lines += std::max<std::uint64_t>(line.dropped_lines, 1);
    gap.sequence = std::max(gap.sequence, line.sequence);
    gap_of_[gap.subject] = line.number;
    gaps_[line.number] = std::move(gap);
  }
  dropFront(lines_);
}

/// False when there were none.
bool Outbox::dropSupersededStates() {
  std::unordered_set<std::string> newer;
  Queue kept;
  for (auto state = states_.rbegin(); state != states_.rend(); ++state) {
    if (state->subject.empty() || newer.insert(state->subject).second) {
      kept.push_front(std::move(*state));
    } else {
      uncount(*state);
      ++dropped_;
    }
  }
  const bool dropped = kept.size() < states_.size();
  states_ = std::move(kept);
  return dropped;
}

Outbox::Message Outbox::takeGap() {
  auto gap = gaps_.extract(gaps_.begin());
  gap_of_.erase(gap.mapped().subject);
  Message message;
  message.delivery = Delivery::kConsole;
  message.subject = std::move(gap.mapped().subject);
  message.sequence = gap.mapped().sequence;
  message.number = gap.key();
  message.dropped_lines = gap.mapped().lines;
  return message;
}

std::optional<Outbox::Message> Outbox::take() {
  const std::lock_guard lock(mutex_);
  Queue* oldest = results_.empty() ? nullptr : &results_;
  if (oldest == nullptr) {
    for (Queue* queue : std::array{&outcomes_, &states_, &lines_, &streams_})
      if (!queue->empty() && (oldest == nullptr || queue->front().number < oldest->front().number))
        oldest = queue;
    if (!gaps_.empty() && (oldest == nullptr || gaps_.begin()->first < oldest->front().number))
      return takeGap();
  }
  if (oldest == nullptr) return std::nullopt;
  Message message = std::move(oldest->front());
  oldest->pop_front();
  uncount(message);
  return message;
}

std::size_t Outbox::messages() const {
  const std::lock_guard lock(mutex_);
  return results_.size() + outcomes_.size() + states_.size() + lines_.size() + streams_.size() +
         gaps_.size();
}

std::size_t Outbox::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

std::size_t Outbox::keptBytes() const {
  const std::lock_guard lock(mutex_);
  return kept_bytes_;
}

std::uint64_t Outbox::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

}  // namespace agent
