#include "supervise/console_log.h"

#include <cstring>
#include <deque>
#include <type_traits>
#include <utility>

#include "supervise/checksum.h"

namespace control {
namespace {

/// Of a log that others wrote before it was ours.
constexpr std::int64_t kFirstTail = 5000;

/// Engines note the start of a run after the process may have begun to write. The end of the run
/// before says better what is of which, where it is known.
constexpr Duration kEarlyOutput = std::chrono::milliseconds(50);

/// After lines that were numbered and not saved, and that are no longer in the log, nobody knows
/// what their numbers were: the next ones are beyond all that they can have been.
constexpr std::uint64_t kStride = std::uint64_t{1} << 32;
constexpr std::uint64_t beyond(std::uint64_t number) { return (number / kStride + 1) * kStride; }

bool isUpTo(WallTime end, const std::optional<WallTime>& at) {
  if (!at) return false;
  // Some engines keep whole seconds alone.
  const bool is_coarse = at->time_since_epoch() % std::chrono::seconds(1) == Duration::zero();
  return *at + (is_coarse ? std::chrono::seconds(1) : Duration::zero()) <= end;
}

constexpr std::string_view kMagic = "libcontrol console 1\n";

class Writer {
 public:
  template <class T>
  void number(T value) {
    static_assert(std::is_integral_v<T>);
    char raw[sizeof value];
    std::memcpy(raw, &value, sizeof value);
    bytes_.append(raw, sizeof raw);
  }
  void text(std::string_view value) {
    number<std::uint64_t>(value.size());
    bytes_ += value;
  }
  void time(const std::optional<WallTime>& at) {
    number<std::uint8_t>(at ? 1 : 0);
    number<std::int64_t>(at ? at->time_since_epoch().count() : 0);
  }
  std::string& bytes() { return bytes_; }

 private:
  std::string bytes_{};
};

/// Gives zeros once the bytes have come to an end, and says so.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  template <class T>
  T number() {
    T value{};
    if (rest_.size() < sizeof value) {
      short_ = true;
      return value;
    }
    std::memcpy(&value, rest_.data(), sizeof value);
    rest_.remove_prefix(sizeof value);
    return value;
  }
  std::string_view text() {
    const auto size = number<std::uint64_t>();
    if (size > rest_.size()) {
      short_ = true;
      return {};
    }
    const std::string_view value = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return value;
  }
  std::optional<WallTime> time() {
    const bool there = number<std::uint8_t>() != 0;
    const auto count = number<std::int64_t>();
    return there ? std::optional(WallTime(Duration(count))) : std::nullopt;
  }
  bool whole() const { return !short_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool short_ = false;
};

ConsoleLine lineOf(const ConsoleRing::Line& line) {
  return {.number = line.number,
          .run = line.run,
          .source = line.source,
          .at = line.at,
          .text = std::string(line.text),
          .cut = line.cut};
}

}  // namespace

std::optional<std::uint64_t> linesBetween(std::uint64_t before, std::uint64_t after) noexcept {
  if (before / kStride != after / kStride) return std::nullopt;
  return after > before ? after - before - 1 : 0;
}

LogOptions ConsoleLog::request(const ContainerId& container, bool follow) const {
  LogOptions options{.follow = follow, .timestamps = true};
  if (container == container_) {
    options.since = position_.since();
  } else if (container_.value.empty() && !whole_) {
    options.tail_lines = kFirstTail;
  }
  return options;
}

void ConsoleLog::open(const ContainerId& container, const std::optional<RunId>& run,
                      const std::optional<WallTime>& last_end) {
  if (container != container_) {
    endRun();
    if (std::exchange(loaded_, false)) {
      next_ = beyond(next_);
      putGap("the container was replaced, and its last output may not have been read");
    }
    position_.reset();
    container_ = container;
    ++landmarks_;
  } else {
    position_.resume();
  }
  if (run_number_ == 0)
    beginRun(run);
  else if (run)
    expectRun(*run, last_end);
}

void ConsoleLog::expectRun(const RunId& run, const std::optional<WallTime>& last_end) {
  next_run_.reset();
  if (run_number_ == 0 || run == run_) return;
  if (run_is_over_) return beginRun(run);
  if (is_untold_ && !isUpTo(run.started_at - kEarlyOutput, untold_since_)) {
    is_untold_ = false;
    run_ = run;
    return;
  }
  // What is read first may still be of the run before.
  next_run_ = run;
  next_run_after_ = last_end.value_or(run.started_at - kEarlyOutput);
}

void ConsoleLog::beginRun(const std::optional<RunId>& run) {
  endLines();
  ring_.beginRun();
  ++run_number_;
  run_ = run;
  run_is_over_ = false;
  is_untold_ = false;
  next_run_.reset();
  ++landmarks_;
}

void ConsoleLog::accept(Output output) {
  if (output.source == OutputSource::kGap)
    return putGap("output was lost between the engine and here");
  const LogPosition::Verdict verdict = position_.take(output);
  if (verdict == LogPosition::Verdict::kSeen) return;
  if (verdict == LogPosition::Verdict::kNewLost) {
    if (loaded_) next_ = beyond(next_);
    putGap("output was written faster than the engine keeps it, or its log was cleared");
  }
  loaded_ = loaded_ && position_.resuming();
  if (next_run_ && !isUpTo(next_run_after_, output.at)) beginRun(next_run_);
  if (run_is_over_ && !next_run_) {
    beginRun(std::nullopt);
    is_untold_ = true;
    untold_since_ = output.at;
  }
  run_is_over_ = false;
  assembler_.feed(output, [this](const LineAssembler::Line& line) { put(line); });
}

void ConsoleLog::endRun() {
  endLines();
  run_is_over_ = true;
}

/// What has not ended is a line all the same.
void ConsoleLog::endLines() {
  const std::uint64_t before = next_;
  assembler_.flush([this](const LineAssembler::Line& line) { put(line); });
  if (next_ != before) ++landmarks_;
}

void ConsoleLog::put(const LineAssembler::Line& line) {
  ring_.push({.number = next_++,
              .run = run_number_,
              .source = line.source,
              .cut = line.cut,
              .at = line.at,
              .text = line.text});
}

void ConsoleLog::putGap(std::string_view reason) {
  endLines();
  put({.source = OutputSource::kGap, .at = {}, .text = reason});
  ++landmarks_;
}

void ConsoleLog::read(const ConsoleQuery& query, ConsolePage& page) const {
  std::deque<ConsoleRing::Line> chosen;
  std::size_t bytes = 0;
  const auto full = [&] { return chosen.size() > query.lines || bytes > query.text_bytes; };
  ring_.forEach([&](const ConsoleRing::Line& line) {
    if (page.first == 0) page.first = line.number;
    if (line.number <= query.after) return;
    if (!query.newest && page.left_out > 0) {
      ++page.left_out;
      return;
    }
    chosen.push_back(line);
    bytes += line.text.size();
    while (full() && chosen.size() > 1) {
      const ConsoleRing::Line& out = query.newest ? chosen.front() : chosen.back();
      bytes -= out.text.size();
      if (query.newest)
        chosen.pop_front();
      else
        chosen.pop_back();
      ++page.left_out;
    }
  });
  page.last = last();
  page.lines.reserve(chosen.size());
  for (const ConsoleRing::Line& line : chosen) page.lines.push_back(lineOf(line));
}

std::string ConsoleLog::save() const {
  Writer writer;
  writer.text(container_.value);
  writer.time(run_ ? std::optional(run_->started_at) : std::nullopt);
  writer.number(run_number_);
  writer.number(next_);
  for (const LogPosition::Moment& moment : position_.moments()) {
    writer.time(moment.at);
    writer.number(moment.bytes);
    writer.number(moment.checksum);
  }
  for (const LineAssembler::Partial& partial : assembler_.partials()) {
    writer.number(static_cast<std::uint8_t>(partial.source));
    writer.time(partial.at);
    writer.text(partial.text);
  }
  std::size_t place = 0;
  const std::string lines = ring_.save(place);
  writer.text(std::string_view(lines).substr(0, place));
  writer.text(std::string_view(lines).substr(place));
  writer.number(checksum(writer.bytes()));
  return std::string(kMagic) + writer.bytes();
}

bool ConsoleLog::load(std::string_view saved) {
  constexpr std::size_t kSum = sizeof(std::uint64_t);
  if (!saved.starts_with(kMagic) || saved.size() < kMagic.size() + kSum) return false;
  saved.remove_prefix(kMagic.size());
  const std::string_view body = saved.substr(0, saved.size() - kSum);
  if (Reader(saved.substr(body.size())).number<std::uint64_t>() != checksum(body)) return false;
  Reader reader(body);
  ContainerId container{std::string(reader.text())};
  const auto started_at = reader.time();
  const auto run_number = reader.number<std::uint32_t>();
  const auto next = reader.number<std::uint64_t>();
  std::array<LogPosition::Moment, 2> moments{};
  for (LogPosition::Moment& moment : moments) {
    moment.at = reader.time();
    moment.bytes = reader.number<std::uint64_t>();
    moment.checksum = reader.number<std::uint64_t>();
  }
  std::array<LineAssembler::Partial, 2> partials{};
  for (LineAssembler::Partial& partial : partials) {
    partial.source = static_cast<OutputSource>(reader.number<std::uint8_t>());
    partial.at = reader.time();
    partial.text = reader.text();
  }
  const std::string_view earlier = reader.text();
  const std::string_view present = reader.text();
  if (!reader.whole() || next == 0 || !ring_.load(earlier, present)) return false;
  if (started_at) run_ = RunId{.container = container, .started_at = *started_at};
  container_ = std::move(container);
  run_number_ = run_number;
  next_ = next;
  position_.restore(moments);
  assembler_.partials() = std::move(partials);
  loaded_ = true;
  return true;
}

}  // namespace control
