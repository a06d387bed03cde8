#include "agent/panel/json_text.h"
#include "engine/json.h"
#include "fuzz/fuzz_input.h"

using namespace control::fuzz;

/// Messages of a panel, read by Poco behind checks of our own.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = textOf(data, size);
  const agent::JsonReading reading = agent::readJsonObject(text);
  if (!reading.value) {
    require(!reading.problem.empty());
    return 0;
  }
  // What one strict reader takes the other takes as well.
  require(control::engine::JsonDocument::parse(std::string(text)).has_value());
  const std::string written = reading.value->write();
  const agent::JsonReading again = agent::readJsonObject(written);
  require(again.value && again.value->write() == written);
  require(again.value->writeCanonical() == reading.value->writeCanonical());
  return 0;
}
