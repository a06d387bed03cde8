#include "supervise/console_ring.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

namespace control {
namespace {

constexpr std::int64_t kNoTime = std::numeric_limits<std::int64_t>::min();
constexpr std::uint32_t kCut = 1U << 31;
constexpr int kSourceShift = 28;
constexpr std::uint32_t kSizeMask = (1U << kSourceShift) - 1;

struct Head {
  std::uint64_t number;
  std::int64_t at;
  std::uint32_t run;
  std::uint32_t form;  ///< size, source, cut
};
static_assert(sizeof(Head) == 24);

Head headOf(const ConsoleRing::Line& line) {
  Head head{};
  head.number = line.number;
  head.at = line.at ? line.at->time_since_epoch().count() : kNoTime;
  head.run = line.run;
  head.form = static_cast<std::uint32_t>(line.text.size()) |
              static_cast<std::uint32_t>(line.source) << kSourceShift | (line.cut ? kCut : 0);
  return head;
}

/// The line at the front of `bytes`, which is then cut off; nullopt: there is no whole one.
std::optional<ConsoleRing::Line> takeLine(std::string_view& bytes) {
  Head head{};
  if (bytes.size() < sizeof head) return std::nullopt;
  std::memcpy(&head, bytes.data(), sizeof head);
  const std::size_t size = head.form & kSizeMask;
  const std::uint32_t source = head.form >> kSourceShift & 7U;
  if (bytes.size() - sizeof head < size || source < 1 || source > 4) return std::nullopt;
  ConsoleRing::Line line{.number = head.number,
                         .run = head.run,
                         .source = static_cast<OutputSource>(source),
                         .cut = (head.form & kCut) != 0,
                         .at = {},
                         .text = bytes.substr(sizeof head, size)};
  if (head.at != kNoTime) line.at = WallTime(Duration(head.at));
  bytes.remove_prefix(sizeof head + size);
  return line;
}

}  // namespace

ConsoleRing::ConsoleRing(std::size_t most_bytes)
    : most_bytes_(most_bytes), block_bytes_(std::clamp<std::size_t>(most_bytes / 32, 512, 8192)) {}

void ConsoleRing::push(const Line& line) {
  const Head head = headOf(line);
  const std::size_t bytes = sizeof head + line.text.size();
  if (present_.empty() || present_.back().size() + bytes > block_bytes_) {
    present_.emplace_back().reserve(std::max(block_bytes_, bytes));
  }
  std::array<char, sizeof head> raw{};
  std::memcpy(raw.data(), &head, sizeof head);
  present_.back().append(raw.data(), raw.size()).append(line.text);
  present_bytes_ += bytes;
  makeRoom();
}

void ConsoleRing::beginRun() {
  for (std::string& block : present_) {
    // Runs that write little do not take a block each.
    if (!earlier_.empty() && earlier_.back().size() + block.size() <= block_bytes_)
      earlier_.back() += block;
    else
      earlier_.push_back(std::move(block));
  }
  present_.clear();
  earlier_bytes_ += std::exchange(present_bytes_, 0);
}

std::size_t ConsoleRing::dropFront(Blocks& blocks) {
  const std::size_t bytes = blocks.front().size();
  blocks.pop_front();
  return bytes;
}

void ConsoleRing::makeRoom() {
  while (bytes() > most_bytes_) {
    if (earlier_bytes_ > most_bytes_ / 4)
      earlier_bytes_ -= dropFront(earlier_);
    else if (present_.size() > 1)
      present_bytes_ -= dropFront(present_);
    else
      return;
  }
}

void ConsoleRing::forEach(const std::function<void(const Line& line)>& visit) const {
  for (const Blocks* blocks : {&earlier_, &present_})
    for (const std::string& block : *blocks) {
      std::string_view rest = block;
      while (const auto line = takeLine(rest)) visit(*line);
    }
}

std::string ConsoleRing::save(std::size_t& place) const {
  std::string saved;
  saved.reserve(bytes());
  for (const std::string& block : earlier_) saved += block;
  place = saved.size();
  for (const std::string& block : present_) saved += block;
  return saved;
}

bool ConsoleRing::fill(Blocks& blocks, std::size_t& bytes, std::string_view saved) const {
  while (!saved.empty()) {
    const std::string_view before = saved;
    if (!takeLine(saved)) return false;
    const std::string_view line = before.substr(0, before.size() - saved.size());
    if (blocks.empty() || blocks.back().size() + line.size() > block_bytes_)
      blocks.emplace_back().reserve(std::max(block_bytes_, line.size()));
    blocks.back() += line;
    bytes += line.size();
  }
  return true;
}

bool ConsoleRing::load(std::string_view earlier, std::string_view present) {
  earlier_.clear();
  present_.clear();
  earlier_bytes_ = present_bytes_ = 0;
  if (fill(earlier_, earlier_bytes_, earlier) && fill(present_, present_bytes_, present)) {
    makeRoom();
    return true;
  }
  earlier_.clear();
  present_.clear();
  earlier_bytes_ = present_bytes_ = 0;
  return false;
}

}  // namespace control
