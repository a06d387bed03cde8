#include "engine/http_message.h"
#include "fuzz/fuzz_input.h"

using namespace control::engine;
using namespace control::fuzz;

namespace {

struct Response {
  HttpHead head{};
  std::string body{};
  bool failed = false;
  bool complete = false;
  bool hijacked = false;
  bool reusable = false;
  bool ended_well = false;
};

template <class Feed>
Response read(bool head_only, Feed feed) {
  HttpReader reader(head_only);
  Response response;
  feed([&](std::string_view bytes) {
    if (!response.failed) response.failed = !reader.feed(bytes, response.body).has_value();
  });
  response.head = reader.head();
  response.complete = reader.complete();
  response.hijacked = reader.hijacked();
  response.reusable = reader.reusable();
  response.ended_well = !response.failed && reader.finish().has_value();
  return response;
}

}  // namespace

/// A response is the same however its bytes arrive. The first byte says whether it answers a HEAD.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const bool head_only = (data[0] & 1) != 0;
  const std::string_view text = textOf(data + 1, size - 1);
  const Response whole = read(head_only, [&](auto feed) { feed(text); });
  const Response pieces = read(head_only, [&](auto feed) { inPieces(text, feed); });
  require(whole.failed == pieces.failed && whole.ended_well == pieces.ended_well);
  if (whole.failed) return 0;
  require(whole.head.status == pieces.head.status && whole.head.headers == pieces.head.headers);
  require(whole.body == pieces.body && whole.complete == pieces.complete);
  require(whole.hijacked == pieces.hijacked && whole.reusable == pieces.reusable);
  require(!head_only || whole.hijacked || whole.body.empty());
  return 0;
}
