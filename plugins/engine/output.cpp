#include "engine/output.h"

#include <algorithm>

#include "engine/reply.h"
#include "engine/wakeup.h"

namespace control::engine {
namespace {

/// Small frames are handed on together up to so much.
constexpr std::size_t kMaxItem = 64 * 1024;
constexpr std::size_t kMaxStamp = 40;

OutputSource sourceOf(int frame_source) {
  // 3 is the engine's own complaint, which it would otherwise have put on stderr.
  return frame_source >= 2 ? OutputSource::kStderr : OutputSource::kStdout;
}

}  // namespace

void OutputDecoder::feed(std::string_view bytes) {
  if (form_.framed) {
    frames_.feed(bytes);
  } else {
    raw_.append(bytes);
  }
}

bool OutputDecoder::mayEnd() const noexcept {
  return !form_.framed || (frames_.atBoundary() && !held_);
}

Result<std::optional<Output>> OutputDecoder::next() {
  return form_.framed ? nextFramed() : nextRaw();
}

bool OutputDecoder::cutStamp(std::string& bytes) {
  const std::size_t space = bytes.find(' ');
  if (space == std::string::npos && stamp_.size() + bytes.size() <= kMaxStamp) {
    stamp_ += std::exchange(bytes, {});
    return false;
  }
  in_stamp_ = false;
  at_.reset();
  if (space != std::string::npos && stamp_.size() + space <= kMaxStamp)
    at_ = parseTime(stamp_ + bytes.substr(0, space));
  // What is no time stamp is output.
  bytes = at_ ? bytes.substr(space + 1) : stamp_ + bytes;
  stamp_.clear();
  return true;
}

Result<std::optional<OutputDecoder::Piece>> OutputDecoder::takePiece() {
  if (held_) return std::exchange(held_, std::nullopt);
  return frames_.next();
}

/// Docker's "local" log driver forgets the end of a line that it had to split: what has another
/// stamp is another line.
std::optional<Output> OutputDecoder::missingLineEnd(OutputSource source) {
  Stamped& stamped = stamped_.at(source == OutputSource::kStderr ? 1 : 0);
  if (form_.split_bytes == 0 || stamped.at == at_) return std::nullopt;
  const Stamped before = std::exchange(stamped, Stamped{.at = at_});
  if (before.line_ended || before.bytes < form_.split_bytes) return std::nullopt;
  return Output{.source = source, .bytes = "\n", .at = before.at};
}

Result<std::optional<Output>> OutputDecoder::nextFramed() {
  if (next_) return std::exchange(next_, std::nullopt);
  std::optional<Output> output;
  for (;;) {
    auto piece = takePiece();
    if (!piece && !output) return piece.error();
    // What came before an error is handed on first; the error comes again.
    if (!piece || !*piece) return output;
    const OutputSource source = form_.tty ? OutputSource::kConsole : sourceOf((*piece)->source);
    if (form_.timestamps) {
      if ((*piece)->first) in_stamp_ = true;
      if (in_stamp_ && !cutStamp((*piece)->bytes)) continue;
      std::optional<Output> line_end = missingLineEnd(source);
      Stamped& stamped = stamped_.at(source == OutputSource::kStderr ? 1 : 0);
      stamped.bytes += (*piece)->bytes.size();
      if (!(*piece)->bytes.empty()) {
        stamped.line_ended = (*piece)->bytes.ends_with('\n');
        next_ = Output{.source = source, .bytes = std::move((*piece)->bytes), .at = at_};
      }
      if (line_end) return line_end;
      if (next_) return std::exchange(next_, std::nullopt);
      continue;
    }
    if (output && (output->source != source || output->bytes.size() > kMaxItem)) {
      held_ = std::move(*piece);
      return output;
    }
    if (!output) output.emplace(Output{.source = source});
    output->bytes += (*piece)->bytes;
  }
}

std::optional<Output> OutputDecoder::nextRaw() {
  if (raw_.empty()) return std::nullopt;
  if (!form_.timestamps)
    return Output{.source = OutputSource::kConsole, .bytes = std::exchange(raw_, {})};
  if (in_stamp_ && !cutStamp(raw_)) return std::nullopt;
  const std::size_t end = std::min(raw_.find('\n'), raw_.size() - 1) + 1;
  Output output{.source = OutputSource::kConsole, .bytes = raw_.substr(0, end), .at = at_};
  raw_.erase(0, end);
  in_stamp_ = output.bytes.ends_with('\n');
  if (output.bytes.empty()) return std::nullopt;
  return output;
}

void OutputReader::keepReadable(bool on) noexcept {
  if (on == readable_) return;
  readable_ = on;
  http_->keepReadable(on);
}

Result<std::optional<Output>> OutputReader::next(const CallContext& context) {
  for (bool fed = false;; fed = true) {
    if (http_->cancelled()) return cancelledError();
    auto item = decoder_.next();
    if (!item || *item || ended_) {
      keepReadable(true);
      return item;
    }
    keepReadable(false);
    if (fed)
      if (auto goes_on = http_->check(context); !goes_on) return goes_on.error();
    std::string bytes;
    auto more = http_->read(bytes, context);
    if (!more) {
      if (more.error().code != ErrorCode::kDeadlineExceeded) keepReadable(true);
      return more.error();
    }
    decoder_.feed(bytes);
    if (*more) continue;
    if (!decoder_.mayEnd())
      return Error{.code = ErrorCode::kUnavailable, .message = "the engine's output was cut short"};
    ended_ = true;
  }
}

}  // namespace control::engine
