#include "agent/panel/frame_writer.h"

#include <sys/random.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <system_error>

namespace agent {
namespace {

constexpr std::size_t kLongestReason = 123;

void fill(unsigned char* bytes, std::size_t size) {
  while (size > 0) {
    const ssize_t count = ::getrandom(bytes, size, 0);
    if (count < 0 && errno != EINTR)
      throw std::system_error(errno, std::generic_category(), "getrandom");
    if (count <= 0) continue;
    bytes += count;
    size -= static_cast<std::size_t>(count);
  }
}

void appendLength(std::string& bytes, std::uint64_t size) {
  const int length_bytes = size < 126 ? 0 : size < 0x10000 ? 2 : 8;
  const int first = length_bytes == 0 ? static_cast<int>(size) : length_bytes == 2 ? 126 : 127;
  bytes += static_cast<char>(kMaskBit | first);
  for (int byte = length_bytes - 1; byte >= 0; --byte)
    bytes += static_cast<char>(size >> (8 * byte) & 0xFF);
}

void appendMasked(std::string& bytes, const Mask& mask, std::string_view payload) {
  std::uint64_t wide_mask = 0;
  std::memcpy(&wide_mask, mask.data(), mask.size());
  std::memcpy(reinterpret_cast<char*>(&wide_mask) + mask.size(), mask.data(), mask.size());
  const std::size_t begin = bytes.size();
  bytes.append(payload);
  char* to = bytes.data() + begin;
  std::size_t at = 0;
  for (std::uint64_t word = 0; payload.size() - at >= sizeof word; at += sizeof word) {
    std::memcpy(&word, to + at, sizeof word);
    word ^= wide_mask;
    std::memcpy(to + at, &word, sizeof word);
  }
  for (; at < payload.size(); ++at) to[at] = static_cast<char>(to[at] ^ mask[at % mask.size()]);
}

}  // namespace

Mask RandomMasks::operator()() {
  if (left_ == 0) {
    fill(pool_.data(), pool_.size());
    left_ = pool_.size();
  }
  Mask mask;
  left_ -= mask.size();
  std::memcpy(mask.data(), pool_.data() + left_, mask.size());
  return mask;
}

void FrameWriter::append(std::string& bytes, Opcode opcode, std::string_view payload) {
  constexpr int kFinal = 0x80;
  bytes += static_cast<char>(kFinal | static_cast<int>(opcode));
  appendLength(bytes, payload.size());
  const Mask mask = masks_();
  bytes.append(reinterpret_cast<const char*>(mask.data()), mask.size());
  appendMasked(bytes, mask, payload);
}

std::string closePayload(int code, std::string_view reason) {
  std::string payload{static_cast<char>(code >> 8), static_cast<char>(code & 0xFF)};
  std::size_t size = reason.size();
  if (size > kLongestReason) {
    size = kLongestReason;
    while (size > 0 && (static_cast<unsigned char>(reason[size]) & 0xC0) == 0x80) --size;
  }
  return payload.append(reason.substr(0, size));
}

}  // namespace agent
