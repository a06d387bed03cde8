#include "mock/mock_text.h"

#include <charconv>
#include <cmath>
#include <cstdint>

namespace control::mock {
namespace {

int hexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::optional<Duration> parseDuration(std::string_view text) {
  if (text == "infinity" || text == "inf") return kForEver;
  double number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc{} || !(number >= 0)) return std::nullopt;
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  double nanoseconds = 0;
  if (unit.empty() || unit == "s")
    nanoseconds = 1e9;
  else if (unit == "ms")
    nanoseconds = 1e6;
  else if (unit == "us")
    nanoseconds = 1e3;
  else if (unit == "m")
    nanoseconds = 60e9;
  else if (unit == "h")
    nanoseconds = 3600e9;
  else if (unit == "d")
    nanoseconds = 86400e9;
  else
    return std::nullopt;
  const double total = number * nanoseconds;
  // Longer than anybody waits, and near the end of what a Duration holds.
  if (!(total < 9e18)) return kForEver;
  return Duration(std::llround(total));
}

std::string seconds(Duration duration) {
  const bool negative = duration < Duration::zero();
  const auto count = static_cast<std::uint64_t>(negative ? -duration.count() : duration.count());
  std::string fraction = std::to_string(count % 1'000'000'000u);
  fraction.insert(0, 9 - fraction.size(), '0');
  return (negative ? "-" : "") + std::to_string(count / 1'000'000'000u) + "." + fraction;
}

bool isUtf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if ((lead >= 0x80 && lead < 0xC2) || lead > 0xF4 || i + length > text.size()) return false;
    std::uint32_t code = length == 1 ? lead : lead & (0xFFu >> (length + 1));
    for (std::size_t k = 1; k < length; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xC0) != 0x80) return false;
      code = (code << 6) | (next & 0x3Fu);
    }
    const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
    if (overlong || (code >= 0xD800 && code < 0xE000) || code > 0x10FFFF) return false;
    i += length;
  }
  return true;
}

void appendUtf8(std::string& out, std::uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
    return;
  }
  const int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  static constexpr unsigned kLead[] = {0, 0xC0, 0xE0, 0xF0};
  out += static_cast<char>(kLead[more] | (code >> (6 * more)));
  for (int i = more - 1; i >= 0; --i) out += static_cast<char>(0x80u | ((code >> (6 * i)) & 0x3Fu));
}

std::string unescape(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      plain += text[i];
      continue;
    }
    const char c = text[++i];
    switch (c) {
      case 'n':
        plain += '\n';
        break;
      case 't':
        plain += '\t';
        break;
      case 'r':
        plain += '\r';
        break;
      case '\\':
        plain += '\\';
        break;
      case '0':
        plain += '\0';
        break;
      case 'x':
        if (i + 2 < text.size() && hexDigit(text[i + 1]) >= 0 && hexDigit(text[i + 2]) >= 0) {
          plain += static_cast<char>(hexDigit(text[i + 1]) * 16 + hexDigit(text[i + 2]));
          i += 2;
          break;
        }
        [[fallthrough]];
      default:
        plain += {'\\', c};
    }
  }
  return plain;
}

}  // namespace control::mock
