#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace agent {

/// `text` with "\n" at the end of lines, where text areas send "\r\n".
inline std::string withPlainLineEnds(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i)
    if (!text.substr(i).starts_with("\r\n")) out += text[i];
  return out;
}

/// Whether it is one line of 1 to `most` bytes that a console takes: no line break of any kind and
/// no control character but tabs, as in Supervisor::sendLine.
inline bool isConsoleLine(std::string_view text, std::size_t most) {
  if (text.empty() || text.size() > most) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte < 0x20 && text[i] != '\t') || byte == 0x7F) return false;
    // U+0080 to U+009F, U+2028, U+2029
    const std::string_view rest = text.substr(i);
    if (byte == 0xC2 && rest.size() > 1 && static_cast<unsigned char>(rest[1]) < 0xA0) return false;
    if (rest.starts_with("\xE2\x80\xA8") || rest.starts_with("\xE2\x80\xA9")) return false;
  }
  return true;
}

}  // namespace agent
