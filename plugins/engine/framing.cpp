#include "engine/framing.h"

#include <algorithm>

namespace control::engine {
namespace {

constexpr std::size_t kHeadBytes = 8;

/// Moves what is left to the front once the part before it is the larger one.
void compact(std::string& buffer, std::size_t& begin) {
  if (begin == buffer.size()) {
    buffer.clear();
  } else if (begin > buffer.size() / 2) {
    buffer.erase(0, begin);
  } else {
    return;
  }
  begin = 0;
}

}  // namespace

Result<std::optional<std::string>> LineSplitter::next() {
  for (;;) {
    const std::size_t end = buffer_.find('\n', std::max(begin_, searched_));
    if (std::min(end, buffer_.size()) - begin_ > max_)
      return Error{
          .code = ErrorCode::kInternal,
          .message = "the engine sent a line of more than " + std::to_string(max_) + " bytes"};
    if (end == std::string::npos) {
      compact(buffer_, begin_);
      searched_ = buffer_.size();
      return std::optional<std::string>();
    }
    std::string line = buffer_.substr(begin_, end - begin_);
    begin_ = end + 1;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (!line.empty()) return std::optional<std::string>(std::move(line));
  }
}

Result<std::optional<FrameSplitter::Piece>> FrameSplitter::next() {
  bool first = false;
  while (left_ == 0) {
    if (buffer_.size() - begin_ < kHeadBytes) {
      compact(buffer_, begin_);
      return std::optional<Piece>();
    }
    const auto* head = reinterpret_cast<const unsigned char*>(buffer_.data() + begin_);
    if (head[0] > 3 || head[1] != 0 || head[2] != 0 || head[3] != 0)
      return Error{.code = ErrorCode::kInternal,
                   .message = "the engine's output is not framed as it should be"};
    source_ = head[0];
    left_ = (std::uint32_t{head[4]} << 24) | (std::uint32_t{head[5]} << 16) |
            (std::uint32_t{head[6]} << 8) | std::uint32_t{head[7]};
    begin_ += kHeadBytes;
    first = true;
  }
  const std::size_t take = std::min<std::size_t>(left_, buffer_.size() - begin_);
  // Not a byte of the frame yet: its first piece is told when there is one.
  if (take == 0 && first) {
    begin_ -= kHeadBytes;
    left_ = 0;
  }
  if (take == 0) return std::optional<Piece>();
  Piece piece{.source = source_, .bytes = buffer_.substr(begin_, take), .first = first};
  begin_ += take;
  left_ -= static_cast<std::uint32_t>(take);
  compact(buffer_, begin_);
  return std::optional<Piece>(std::move(piece));
}

}  // namespace control::engine
