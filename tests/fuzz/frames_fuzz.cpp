#include <vector>

#include "agent/panel/frame_reader.h"
#include "fuzz/fuzz_input.h"

using namespace agent;
using namespace control::fuzz;

namespace {

MessageRules rulesOf(std::uint8_t choice) {
  MessageRules rules{.largest_message = 64, .largest_skipped = 300, .most_fragments = 6};
  rules.binary = (choice & 1) != 0;
  rules.skip_bad_messages = (choice & 2) != 0;
  return rules;
}

template <class Feed>
std::vector<FrameEvent> read(const MessageRules& rules, Feed feed) {
  FrameReader reader(rules);
  std::vector<FrameEvent> events;
  feed([&](std::string_view bytes) {
    while (auto event = reader.next(bytes)) events.push_back(*std::move(event));
    require(bytes.empty());
  });
  return events;
}

void check(const FrameEvent& event, const MessageRules& rules, bool last) {
  using Kind = FrameEvent::Kind;
  if (event.kind == Kind::kMessage) {
    require(event.text.size() <= rules.largest_message);
    require(rules.binary || !event.binary);
    require(event.binary || isUtf8(event.text));
  }
  require(event.kind != Kind::kPing || event.text.size() <= 125);
  require(event.kind != Kind::kClose || (event.text.size() <= 123 && isUtf8(event.text)));
  require(event.kind != Kind::kProblem || rules.skip_bad_messages);
  require(last || (event.kind != Kind::kClose && event.kind != Kind::kViolation));
}

}  // namespace

/// A server's frames mean the same however their bytes arrive, and keep the rules, which the first
/// byte chooses.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const MessageRules rules = rulesOf(data[0]);
  const std::string_view text = textOf(data + 1, size - 1);
  const auto whole = read(rules, [&](auto feed) { feed(text); });
  const auto pieces = read(rules, [&](auto feed) { inPieces(text, feed); });
  require(whole.size() == pieces.size());
  for (std::size_t index = 0; index < whole.size(); ++index) {
    check(whole[index], rules, index + 1 == whole.size());
    require(whole[index].kind == pieces[index].kind && whole[index].text == pieces[index].text);
    require(whole[index].code == pieces[index].code);
  }
  return 0;
}
