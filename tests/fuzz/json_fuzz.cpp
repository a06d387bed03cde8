#include "engine/json.h"
#include "fuzz/fuzz_input.h"

using namespace control::engine;
using namespace control::fuzz;

namespace {

/// Reads all there is, in every way; gives the number of values.
std::size_t readAll(const JsonValue& value) {
  std::size_t count = 1;
  (void)value.boolean();
  const auto integer = value.integer();
  const auto natural = value.natural();
  if (integer && natural) require(static_cast<std::uint64_t>(*integer) == *natural);
  if (const auto text = value.string()) {
    require(isUtf8(*text));
    auto again = JsonDocument::parse(jsonQuoted(*text));
    require(again.has_value() && again->root().string() == text);
  }
  value.forEachElement([&](const JsonValue& element) { count += readAll(element); });
  value.forEachMember([&](const std::string& key, const JsonValue& member) {
    (void)value[key];
    count += readAll(member);
  });
  return count;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto document = JsonDocument::parse(std::string(textOf(data, size)));
  if (!document) {
    require(!document.error().message.empty());
    return 0;
  }
  require(readAll(document->root()) <= size);
  return 0;
}
