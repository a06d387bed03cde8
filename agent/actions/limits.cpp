#include "agent/actions/limits.h"

#include <charconv>
#include <cmath>

#include "agent/lowered.h"
#include "agent/panel/refusal.h"

namespace agent {
namespace {

constexpr std::int64_t kWholeMiB = 1024 * 1024;
constexpr std::int64_t kMostBytes = std::int64_t{1} << 50;
constexpr std::int64_t kMostPids = 4096;

/// The factor of a unit as "m", "MB" or "MiB"; 0 for what is none. All units are binary.
std::int64_t unitFactor(std::string_view unit) {
  std::string name = lowered(unit);
  if (name == "b") return 1;
  if (name.ends_with("ib")) {
    name.resize(name.size() - 2);
  } else if (name.ends_with("b")) {
    name.pop_back();
  }
  static constexpr std::string_view kUnits = "kmgt";
  if (name.size() != 1 || kUnits.find(name.front()) == std::string_view::npos) return 0;
  return std::int64_t{1} << (10 * (kUnits.find(name.front()) + 1));
}

/// A number without a unit: bytes, or MiB when it is too small to be bytes.
std::int64_t bytesOf(std::int64_t number) {
  return number < kLeastMemoryBytes ? number * kWholeMiB : number;
}

/// 0 means no limit, which nobody asks for with a number above it.
[[noreturn]] void refuseLessThanAByte(const Fields& limits, std::string_view name) {
  limits.refuse(
      name,
      "must be 0, or at least one byte: without a unit a whole number as \"512\", with one "
      "also a fraction as \"0.5g\"");
}

std::optional<std::int64_t> parseSize(std::string_view text, const Fields& limits,
                                      std::string_view name) {
  double number = 0;
  const auto read =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (read.ec != std::errc() || !std::isfinite(number) || number < 0 || number > 1e18)
    return std::nullopt;
  std::string_view unit = text.substr(static_cast<std::size_t>(read.ptr - text.data()));
  while (unit.starts_with(' ')) unit.remove_prefix(1);
  if (unit.empty()) {
    if (number > 0 && number < 1) refuseLessThanAByte(limits, name);
    return bytesOf(static_cast<std::int64_t>(number));
  }
  const std::int64_t factor = unitFactor(unit);
  const double bytes = number * static_cast<double>(factor);
  if (factor == 0 || bytes > 1e18) return std::nullopt;
  if (number > 0 && bytes < 1) refuseLessThanAByte(limits, name);
  return static_cast<std::int64_t>(bytes);
}

}  // namespace

std::optional<std::int64_t> readSize(const Fields& limits, std::string_view name) {
  const Json* field = limits.find(name);
  if (field == nullptr) return std::nullopt;
  std::optional<std::int64_t> bytes;
  if (field->text() != nullptr) {
    bytes = parseSize(*field->text(), limits, name);
  } else if (field->integer() != nullptr && *field->integer() >= 0) {
    bytes = bytesOf(*field->integer());
  }
  if (!bytes || *bytes > kMostBytes)
    limits.refuse(name,
                  "must be bytes as a whole number, or text with a unit as \"2048m\" or \"5g\", "
                  "of at most 1 PiB (\"1024t\")");
  return bytes;
}

std::optional<std::int64_t> readCpu(const Fields& limits, std::string_view name) {
  static constexpr double kMostCores = 4096;
  const Json* field = limits.find(name);
  if (field == nullptr) return std::nullopt;
  double cores = -1;
  if (field->integer() != nullptr) cores = static_cast<double>(*field->integer()) / 100;
  if (field->real() != nullptr) cores = *field->real() / 100;
  if (const std::string* text = field->text()) {
    const char* end = text->data() + text->size();
    const auto read = std::from_chars(text->data(), end, cores, std::chars_format::fixed);
    if (read.ec != std::errc() || read.ptr != end) cores = -1;
  }
  const bool tiny = cores > 0 && cores < 0.01;
  if (!(cores >= 0 && cores <= kMostCores) || tiny)
    limits.refuse(name,
                  "must be percent of one core as a number from 1 to 409600 (200), or cores as "
                  "text from \"0.01\" to \"4096\" (\"1.5\"), or 0 for no limit");
  return std::llround(cores * 1e9);
}

namespace {

std::optional<std::int64_t> readSwap(const Fields& limits) {
  const Json* field = limits.find("swap");
  if (field != nullptr && field->integer() != nullptr && *field->integer() == -1) return -1;
  return readSize(limits, "swap");
}

/// What there is of swap beside the memory; -1: no limit.
std::int64_t swapOf(const control::ResourceLimits& limits) {
  if (!limits.memory_bytes || !limits.memory_swap_bytes) return 0;
  return *limits.memory_swap_bytes == -1 ? -1 : *limits.memory_swap_bytes - *limits.memory_bytes;
}

}  // namespace

control::ResourceLimits PayloadLimits::toResourceLimits(
    const control::ResourceLimits& before) const {
  const auto unlessZero = [](std::int64_t value) {
    return value == 0 ? std::nullopt : std::optional(value);
  };
  control::ResourceLimits limits = before;
  if (memory_bytes) limits.memory_bytes = unlessZero(*memory_bytes);
  const std::int64_t swap = swap_bytes.value_or(swapOf(before));
  if (!limits.memory_bytes) {
    if (memory_bytes) limits.memory_swap_bytes.reset();
  } else if (memory_bytes || swap_bytes) {
    limits.memory_swap_bytes = swap == -1 ? -1 : *limits.memory_bytes + swap;
  }
  if (nano_cpus) limits.nano_cpus = unlessZero(*nano_cpus);
  if (pids) limits.pids = pids;
  if (io_weight) limits.io_weight = io_weight;
  return limits;
}

PayloadLimits readLimits(const Fields& limits) {
  PayloadLimits read;
  read.memory_bytes = readSize(limits, "memory");
  if (read.memory_bytes && *read.memory_bytes != 0 && *read.memory_bytes < kLeastMemoryBytes)
    limits.refuse("memory", "must be at least 6 MiB, or 0 for no limit");
  read.swap_bytes = readSwap(limits);
  read.disk_bytes = readSize(limits, "disk");
  read.nano_cpus = readCpu(limits, "cpu");
  read.pids = limits.integer("pids", 1, kMostPids);
  if (const auto weight = limits.integer("io", 10, 1000))
    read.io_weight = static_cast<int>(*weight);
  return read;
}

}  // namespace agent
