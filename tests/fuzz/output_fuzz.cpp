#include <array>

#include "engine/output.h"
#include "fuzz/fuzz_input.h"

using namespace control;
using namespace control::engine;
using namespace control::fuzz;

namespace {

/// What a reader of each source has seen in the end.
struct Seen {
  std::array<std::string, 4> bytes{};
  bool failed = false;
  bool may_end = false;
  bool operator==(const Seen&) const = default;
};

template <class Feed>
Seen decode(const OutputForm& form, Feed feed) {
  OutputDecoder decoder(form);
  Seen seen;
  feed([&](std::string_view bytes) {
    if (seen.failed) return;
    decoder.feed(bytes);
    for (;;) {
      auto output = decoder.next();
      if (!output) seen.failed = true;
      if (!output || !*output) return;
      require(!(*output)->bytes.empty());
      seen.bytes[static_cast<std::size_t>((*output)->source)] += (*output)->bytes;
    }
  });
  seen.may_end = !seen.failed && decoder.mayEnd();
  return seen;
}

}  // namespace

/// The output of logs, attach and exec is the same however its bytes arrive. The first byte says
/// in which form it comes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const OutputForm form{.tty = (data[0] & 1) != 0,
                        .framed = (data[0] & 2) != 0,
                        .timestamps = (data[0] & 4) != 0,
                        .split_bytes = (data[0] & 8) != 0 ? 16U : 0U};
  const std::string_view text = textOf(data + 1, size - 1);
  const Seen whole = decode(form, [&](auto feed) { feed(text); });
  const Seen pieces = decode(form, [&](auto feed) { inPieces(text, feed); });
  require(whole == pieces);
  if (!form.framed && !form.timestamps) require(whole.bytes[3] == text);
  return 0;
}
