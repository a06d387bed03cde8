#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <libcontrol/streams.h>

namespace control {

/// The latest lines of a console, in so many bytes at most, what goes with each line included. Of
/// earlier runs the end stays, up to a quarter of the bytes, however much the present one writes.
/// Not thread-safe.
class ConsoleRing {
 public:
  struct Line {
    std::uint64_t number = 0;
    std::uint32_t run = 0;
    OutputSource source = OutputSource::kStdout;
    bool cut = false;
    std::optional<WallTime> at{};
    std::string_view text{};
  };

  explicit ConsoleRing(std::size_t most_bytes);

  void push(const Line& line);
  /// What is there belongs to earlier runs from now on.
  void beginRun();

  /// Calls `visit` for each line, in order.
  void forEach(const std::function<void(const Line& line)>& visit) const;

  std::size_t bytes() const noexcept { return earlier_bytes_ + present_bytes_; }

  /// All lines as bytes, for this kind of machine. `place` separates earlier runs from the present
  /// one.
  std::string save(std::size_t& place) const;
  /// False, and nothing is there, when these are no such bytes.
  bool load(std::string_view earlier, std::string_view present);

 private:
  /// Lines one behind the other, each with its head.
  using Blocks = std::deque<std::string>;

  void makeRoom();
  static std::size_t dropFront(Blocks& blocks);
  bool fill(Blocks& blocks, std::size_t& bytes, std::string_view saved) const;

  const std::size_t most_bytes_;
  const std::size_t block_bytes_;
  Blocks earlier_{};
  Blocks present_{};
  std::size_t earlier_bytes_ = 0;
  std::size_t present_bytes_ = 0;
};

}  // namespace control
