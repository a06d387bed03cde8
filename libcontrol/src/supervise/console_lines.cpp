#include "supervise/console_lines.h"

#include <algorithm>
#include <cstring>

namespace control {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

bool isAscii(std::string_view text) {
  std::uint64_t any = 0;
  while (text.size() >= sizeof any) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, text.data(), sizeof eight);
    any |= eight;
    text.remove_prefix(sizeof eight);
  }
  for (const char c : text) any |= static_cast<unsigned char>(c);
  return (any & 0x8080808080808080U) == 0;
}

bool within(unsigned char c, unsigned char low, unsigned char high) {
  return c >= low && c <= high;
}

/// Length of the well-formed sequence (RFC 3629) that `text` begins with; 0: none.
std::size_t sequenceLength(std::string_view text) {
  const auto at = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
  };
  const auto tail = [&](std::size_t i) { return within(at(i), 0x80, 0xBF); };
  const unsigned char first = at(0);
  if (first < 0x80) return 1;
  if (within(first, 0xC2, 0xDF)) return tail(1) ? 2 : 0;
  if (within(first, 0xE0, 0xEF)) {
    const bool second = within(at(1), first == 0xE0 ? 0xA0 : 0x80, first == 0xED ? 0x9F : 0xBF);
    return second && tail(2) ? 3 : 0;
  }
  if (!within(first, 0xF0, 0xF4)) return 0;
  const bool second = within(at(1), first == 0xF0 ? 0x90 : 0x80, first == 0xF4 ? 0x8F : 0xBF);
  return second && tail(2) && tail(3) ? 4 : 0;
}

/// What may be the end of the line does not count.
bool isTooLong(std::string_view text) {
  constexpr std::size_t kMostReturns = 16;
  if (text.size() <= LineAssembler::kLongestLine) return false;
  return text.size() > LineAssembler::kLongestLine + kMostReturns ||
         text.find_last_not_of('\r') + 1 > LineAssembler::kLongestLine;
}

/// Where a text that goes on can be cut: not in the middle of a character.
std::size_t cutPoint(std::string_view text) {
  for (std::size_t back = 1; back <= 3 && back < text.size(); ++back) {
    const auto c = static_cast<unsigned char>(text[text.size() - back]);
    if (c < 0x80) break;
    if (c < 0xC0) continue;
    const std::size_t length = c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
    return length > back ? text.size() - back : text.size();
  }
  return text.size();
}

}  // namespace

std::string_view asUtf8(std::string_view text, std::string& scratch) {
  if (isAscii(text)) return text;
  bool valid = true;
  for (std::size_t i = 0; i < text.size() && valid;) {
    const std::size_t length = sequenceLength(text.substr(i, 4));
    valid = length > 0;
    i += length;
  }
  if (valid) return text;
  scratch.clear();
  while (!text.empty()) {
    const std::size_t length = sequenceLength(text.substr(0, 4));
    if (length > 0)
      scratch += text.substr(0, length);
    else
      scratch += kReplacement;
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return scratch;
}

void LineAssembler::feed(const Output& output, const Sink& sink) {
  Partial& partial = partials_.at(output.source == OutputSource::kStderr ? 1 : 0);
  partial.source = output.source;
  std::string_view rest = output.bytes;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    if (partial.text.empty()) partial.at = output.at;
    append(partial, rest.substr(0, end), sink);
    if (end == std::string_view::npos) return;
    emit(partial, partial.text, sink);
    partial.text.clear();
    rest.remove_prefix(end + 1);
  }
}

void LineAssembler::append(Partial& partial, std::string_view piece, const Sink& sink) {
  if (partial.source == OutputSource::kConsole) {
    // A terminal goes back to the beginning of the line, and what comes is written over it.
    const std::size_t last = piece.find_last_not_of('\r');
    if (last != std::string_view::npos) {
      const std::size_t back = piece.rfind('\r', last);
      if (back != std::string_view::npos || partial.text.ends_with('\r')) partial.text.clear();
      if (back != std::string_view::npos) piece.remove_prefix(back + 1);
    } else if (partial.text.ends_with('\r')) {
      return;
    }
  }
  partial.text += piece;
  while (isTooLong(partial.text)) {
    const std::size_t end = cutPoint(std::string_view(partial.text).substr(0, kLongestLine));
    const std::string_view text = std::string_view(partial.text).substr(0, end);
    sink({partial.source, partial.at, asUtf8(text, scratch_), true});
    partial.text.erase(0, end);
  }
}

void LineAssembler::emit(const Partial& partial, std::string_view text, const Sink& sink) {
  if (text.ends_with('\r')) text.remove_suffix(1);
  if (partial.source == OutputSource::kConsole)
    while (text.ends_with('\r')) text.remove_suffix(1);
  sink({partial.source, partial.at, asUtf8(text, scratch_), false});
}

void LineAssembler::flush(const Sink& sink) {
  for (Partial& partial : partials_) {
    if (!partial.text.empty()) emit(partial, partial.text, sink);
    partial.text.clear();
  }
}

}  // namespace control
