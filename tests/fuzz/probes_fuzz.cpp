#include <vector>

#include "agent/probes/minecraft_ping.h"
#include "agent/probes/source_query.h"
#include "agent/utf8.h"
#include "fuzz/fuzz_input.h"

using namespace agent;
using namespace control::fuzz;

namespace {

/// "complete", "more", or why it was refused.
template <class Feed>
std::string outcomeOf(Exchange& exchange, Feed feed) {
  std::string outcome = "more";
  feed([&](std::string_view bytes) {
    if (outcome != "more") return;
    const auto complete = exchange.take(bytes);
    if (!complete) {
      require(!complete.error().message.empty() && isUtf8(complete.error().message));
      outcome = complete.error().message;
    } else if (*complete) {
      outcome = "complete";
    }
    require(exchange.takeOutput().size() <= 64);
  });
  return outcome;
}

void check(const ProbeAnswer& answer) {
  if (!answer.players) return;
  require(answer.players->online >= 0 && answer.players->max.value_or(0) >= 0);
  if (!answer.players->list) return;
  require(answer.players->list->size() <= Players::kMostNames);
  for (const std::string& name : *answer.players->list)
    require(!name.empty() && name.size() <= Players::kLongestName && isUtf8(name));
}

/// A stream means the same however its bytes arrive.
void checkMinecraft(std::string_view bytes) {
  MinecraftPing at_once("127.0.0.1", 25565);
  MinecraftPing in_pieces("127.0.0.1", 25565);
  const std::string outcome = outcomeOf(at_once, [&](auto feed) { feed(bytes); });
  require(outcome == outcomeOf(in_pieces, [&](auto feed) { inPieces(bytes, feed); }));
  require(at_once.answer().players == in_pieces.answer().players);
  check(at_once.answer());
}

/// Datagrams, each behind its length in two bytes.
void checkSource(std::string_view bytes) {
  SourceQuery query;
  outcomeOf(query, [&](auto feed) {
    while (bytes.size() >= 2) {
      const std::size_t size = static_cast<unsigned char>(bytes[0]) +
                               256 * static_cast<std::size_t>(static_cast<unsigned char>(bytes[1]));
      bytes.remove_prefix(2);
      feed(bytes.substr(0, size));
      bytes.remove_prefix(std::min(size, bytes.size()));
    }
  });
  check(query.answer());
}

}  // namespace

/// What game servers answer, of the protocol that the first byte chooses.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes = textOf(data + 1, size - 1);
  if (data[0] == 'm')
    checkMinecraft(bytes);
  else
    checkSource(bytes);
  return 0;
}
