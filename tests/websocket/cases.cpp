#include "websocket/cases.h"

#include <cstdio>

#include "support/ws_peer.h"

namespace websocket_test {
namespace {

using test_support::kBinary;
using test_support::kEnd;
using test_support::kMiddle;
using test_support::kPing;
using test_support::kPong;
using test_support::kText;
using test_support::kTextStart;
using test_support::wsClose;
using test_support::wsFrame;

constexpr int kBinaryStart = 0x02, kCloseFrame = 0x88;
const char* const kNotText = "problem 0";
const char* const kNotUtf8 = "problem 1";
const char* const kTooLarge = "problem 2";

Answer text(std::string payload) { return {kText, std::move(payload)}; }
Answer pong(std::string payload) { return {kPong, std::move(payload)}; }
Answer closed(int code) { return {kCloseFrame, "", code}; }

std::string hex(std::string_view bytes) {
  std::string digits;
  for (const char byte : bytes) {
    char two[3];
    std::snprintf(two, sizeof two, "%02x", static_cast<unsigned char>(byte));
    digits += two;
  }
  return digits;
}

/// Both kinds of client end with `code`.
Case violation(std::string name, std::string bytes, int code = 1002) {
  return {.name = std::move(name),
          .bytes = std::move(bytes),
          .answers = {closed(code)},
          .goes_on = false,
          .lenient_goes_on = false};
}

/// A strict client ends with `code`; a lenient one tells, and reads the next message.
Case badMessage(std::string name, const std::string& bytes, int code, const char* told) {
  return {.name = std::move(name),
          .bytes = bytes + wsFrame(kText, "next"),
          .answers = {closed(code)},
          .lenient = {text(told), text("next")},
          .goes_on = false};
}

/// A head that announces `size`, written in `bytes` bytes.
std::string head(int first_byte, std::uint64_t size, int bytes) {
  std::string made{static_cast<char>(first_byte), static_cast<char>(bytes == 2 ? 126 : 127)};
  for (int byte = bytes - 1; byte >= 0; --byte)
    made += static_cast<char>(size >> (8 * byte) & 0xFF);
  return made;
}

/// The message in fragments that end where the cuts are.
std::string inFragments(int first_byte, std::string_view message, std::size_t size,
                        const std::string& between = "") {
  std::string bytes;
  for (std::size_t at = 0; at < message.size(); at += size) {
    const bool last = at + size >= message.size();
    bytes += wsFrame((last ? 0x80 : 0) | (at == 0 ? first_byte : 0), message.substr(at, size));
    if (!last) bytes += between;
  }
  return bytes;
}

}  // namespace

std::vector<Case> framingCases() {
  std::vector<Case> cases;
  for (const std::size_t size : {0, 1, 125, 126, 127, 128, 65535, 65536, 1024 * 1024}) {
    const std::string payload(size, '*');
    const std::string name = std::to_string(size);
    cases.push_back({"TextOf" + name, wsFrame(kText, payload), {text(payload)}});
    const std::string binary(size, '\xFE');
    cases.push_back(
        {"BinaryOf" + name, wsFrame(kBinary, binary), {{kBinary, binary}}, {text(kNotText)}});
  }
  cases.push_back(violation("Masked", std::string("\x81\x81\1\2\3\4\x60", 7)));
  cases.push_back(violation("MaskedPing", std::string("\x89\x80\1\2\3\4", 6)));
  cases.push_back(violation("ShortLengthInTwoBytes", head(kText, 125, 2)));
  cases.push_back(violation("ShortLengthInEightBytes", head(kText, 1, 8)));
  cases.push_back(violation("MiddleLengthInEightBytes", head(kText, 65535, 8)));
  cases.push_back(violation("HighestBitOfTheLength", head(kText, std::uint64_t{1} << 63, 8)));
  std::string many;
  std::vector<Answer> answers;
  for (int number = 0; number < 1000; ++number) {
    answers.push_back(text("message " + std::to_string(number)));
    many += wsFrame(kText, answers.back().payload);
  }
  cases.push_back({"AThousandMessagesAtOnce", many, answers});
  return cases;
}

std::vector<Case> pingCases() {
  std::vector<Case> cases;
  const std::string longest(125, '\xFE');
  const std::string bytes("\0\xFF\xFE\x80", 4);
  cases.push_back({"EmptyPing", wsFrame(kPing, ""), {pong("")}});
  cases.push_back({"PingWithText", wsFrame(kPing, "hello"), {pong("hello")}});
  cases.push_back({"PingWithBytes", wsFrame(kPing, bytes), {pong(bytes)}});
  cases.push_back({"LongestPing", wsFrame(kPing, longest), {pong(longest)}});
  cases.push_back(violation("TooLongPing", wsFrame(kPing, longest + "x")));
  cases.push_back(violation("TooLongPong", wsFrame(kPong, longest + "x")));
  cases.push_back(
      {"PongNobodyAskedFor", wsFrame(kPong, "x") + wsFrame(kText, "next"), {text("next")}});
  cases.push_back({"PongThenPing",
                   wsFrame(kPong, "x") + wsFrame(kPing, "y") + wsFrame(kPong, ""),
                   {pong("y")}});
  std::string many;
  std::vector<Answer> answers;
  for (int number = 0; number < 100; ++number) {
    answers.push_back(pong("ping " + std::to_string(number)));
    many += wsFrame(kPing, answers.back().payload);
  }
  cases.push_back({"AHundredPingsInOrder", many, answers});
  return cases;
}

std::vector<Case> reservedCases() {
  std::vector<Case> cases;
  for (int bits = 1; bits <= 7; ++bits) {
    const std::string name = "ReservedBits" + std::to_string(bits);
    for (const int first : {kText, kBinary, kPing, kPong, kCloseFrame, kTextStart})
      cases.push_back(violation(name + "On" + hex(std::string(1, static_cast<char>(first))),
                                wsFrame(first | bits << 4, "")));
    cases.push_back(violation(name + "BeforeAMessage",
                              wsFrame(kText | bits << 4, "bad") + wsFrame(kText, "not read")));
    Case after = violation(name + "AfterAMessage",
                           wsFrame(kText, "good") + wsFrame(kText | bits << 4, "bad"));
    after.answers = {text("good"), closed(1002)};
    after.for_program_only = true;
    cases.push_back(after);
  }
  for (const int opcode : {3, 4, 5, 6, 7, 11, 12, 13, 14, 15}) {
    const std::string name = "Opcode" + std::to_string(opcode);
    cases.push_back(violation(name, wsFrame(0x80 | opcode, "")));
    cases.push_back(violation(name + "WithPayload", wsFrame(0x80 | opcode, "payload")));
    cases.push_back(
        violation(name + "InAMessage", wsFrame(kTextStart, "x") + wsFrame(0x80 | opcode, "")));
  }
  return cases;
}

std::vector<Case> fragmentCases() {
  std::vector<Case> cases;
  const std::string message = "a message in fragments";
  for (const std::size_t size : {1, 2, 5, 11, 21}) {
    const std::string name = "Of" + std::to_string(size);
    cases.push_back({"Fragments" + name, inFragments(1, message, size), {text(message)}});
    std::vector<Answer> answers;
    for (std::size_t at = size; at < message.size(); at += size) answers.push_back(pong("p"));
    answers.push_back(text(message));
    cases.push_back({"PingsBetweenFragments" + name,
                     inFragments(1, message, size, wsFrame(kPing, "p") + wsFrame(kPong, "q")),
                     answers});
    cases.push_back({"BinaryFragments" + name,
                     inFragments(2, message, size),
                     {{kBinary, message}},
                     {text(kNotText)}});
  }
  const std::string around =
      wsFrame(kTextStart, "") + wsFrame(kMiddle, "") + wsFrame(kMiddle, "x") + wsFrame(kEnd, "");
  cases.push_back({"EmptyFragmentsAroundOneThatIsNot", around, {text("x")}});
  cases.push_back({"EmptyFragmentsOnly",
                   wsFrame(kTextStart, "") + wsFrame(kMiddle, "") + wsFrame(kEnd, ""),
                   {text("")}});
  cases.push_back({"AsManyFragmentsAsAllowed",
                   inFragments(1, std::string(1024, 'x'), 1),
                   {text(std::string(1024, 'x'))}});
  for (const int first : {0x08, 0x09, 0x0A})
    cases.push_back(violation("FragmentedControlFrame" + std::to_string(first),
                              wsFrame(first, "x") + wsFrame(kEnd, "y")));
  for (const int first : {kMiddle, kEnd}) {
    const std::string name = first == kEnd ? "Final" : "NotFinal";
    cases.push_back(violation("ContinuationOfNothing" + name, wsFrame(first, "x")));
    cases.push_back(
        violation("ContinuationAfterThePong" + name, wsFrame(kPong, "") + wsFrame(first, "x")));
  }
  for (const int first : {kText, kTextStart, kBinaryStart})
    cases.push_back(violation("MessageInAMessage" + std::to_string(first),
                              wsFrame(kTextStart, "x") + wsFrame(first, "y")));
  return cases;
}

std::vector<Case> utf8Cases() {
  std::vector<Case> cases;
  const std::string good[] = {"\x7F",
                              "\xC2\x80",
                              "\xDF\xBF",
                              "\xE0\xA0\x80",
                              "\xED\x9F\xBF",
                              "\xEE\x80\x80",
                              "\xEF\xBF\xBD",
                              "\xEF\xBF\xBF",
                              "\xF0\x90\x80\x80",
                              "\xF4\x8F\xBF\xBF",
                              "\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5",
                              std::string(1, '\0')};
  for (const std::string& payload : good) {
    cases.push_back({"Good" + hex(payload), wsFrame(kText, payload), {text(payload)}});
    cases.push_back({"GoodInPieces" + hex(payload), inFragments(1, payload, 1), {text(payload)}});
  }
  const std::string bad[] = {"\x80",
                             "\xBF",
                             "\xC0\xAF",
                             "\xC1\xBF",
                             "\xE0\x80\xAF",
                             "\xE0\x9F\xBF",
                             "\xF0\x80\x80\xAF",
                             "\xF0\x8F\xBF\xBF",
                             "\xED\xA0\x80",
                             "\xED\xBF\xBF",
                             "\xF4\x90\x80\x80",
                             "\xF5\x80\x80\x80",
                             "\xF8\x88\x80\x80\x80",
                             "\xFC\x84\x80\x80\x80\x80",
                             "\xFE",
                             "\xFF",
                             "\xC2",
                             "\xE2\x82",
                             "\xF0\x9F\x98",
                             "\xC3z"};
  for (const std::string& sequence : bad) {
    const std::string payload = "a" + sequence;
    cases.push_back(badMessage("Bad" + hex(sequence), wsFrame(kText, payload), 1007, kNotUtf8));
    cases.push_back(
        badMessage("BadInPieces" + hex(sequence), inFragments(1, payload, 1), 1007, kNotUtf8));
  }
  const std::string split = "\xCE\xBA\xE2\x82\xAC\xF0\x9F\x98\x80";
  for (std::size_t at = 1; at < split.size(); ++at)
    cases.push_back({"SplitAt" + std::to_string(at),
                     wsFrame(kTextStart, split.substr(0, at)) + wsFrame(kPing, "") +
                         wsFrame(kEnd, split.substr(at)),
                     {pong(""), text(split)}});
  // The answer comes although the rest of the message never does.
  cases.push_back({.name = "BadBeforeTheMessageEnds",
                   .bytes = wsFrame(kTextStart, "a\xF4\x90"),
                   .answers = {closed(1007)},
                   .lenient = {text(kNotUtf8)},
                   .goes_on = false});
  cases.push_back({.name = "BadBeforeTheFrameEnds",
                   .bytes = wsFrame(kText, "a\xED\xA0zzzzzzzz").substr(0, 5),
                   .answers = {closed(1007)},
                   .lenient = {text(kNotUtf8)},
                   .goes_on = false,
                   .lenient_goes_on = false});
  return cases;
}

std::vector<Case> closeCases() {
  std::vector<Case> cases;
  const auto answered = [&](std::string name, std::string bytes, int code) {
    cases.push_back(violation(std::move(name), std::move(bytes), code));
  };
  for (const int code : {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014,
                         3000, 3999, 4000, 4999})
    answered("Code" + std::to_string(code), wsClose(code, "reason"), code);
  for (const int code : {0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535})
    answered("Code" + std::to_string(code), wsClose(code, "reason"), 1002);
  answered("NoCode", wsFrame(kCloseFrame, ""), 1005);
  answered("HalfACode", wsFrame(kCloseFrame, "\x03"), 1002);
  Case message_first = violation("AfterAMessage", wsFrame(kText, "x") + wsClose(1000), 1000);
  message_first.answers = {text("x"), closed(1000)};
  message_first.for_program_only = true;
  cases.push_back(message_first);
  answered("NoReason", wsClose(1000), 1000);
  answered("LongestReason", wsClose(1000, std::string(123, 'x')), 1000);
  answered("TooLongReason", wsClose(1000, std::string(124, 'x')), 1002);
  answered("ReasonInUtf8", wsClose(1000, "\xE2\x82\xAC"), 1000);
  answered("ReasonNotInUtf8", wsClose(1000, "\xED\xA0\x80"), 1007);
  answered("ReasonCutInACharacter", wsClose(1000, "\xE2\x82"), 1007);
  answered("InAMessage", wsFrame(kTextStart, "x") + wsClose(1000), 1000);
  answered("ThenAPing", wsClose(1000) + wsFrame(kPing, "x"), 1000);
  answered("ThenAMessage", wsClose(1000) + wsFrame(kText, "x"), 1000);
  answered("ThenNonsense", wsClose(1000) + std::string(100, '\xFF'), 1000);
  answered("Twice", wsClose(1000) + wsClose(1001), 1000);
  return cases;
}

std::vector<Case> limitCases() {
  std::vector<Case> cases;
  const std::string large(1024 * 1024 + 1, 'x');
  cases.push_back({"OneByteMoreThanTheAgentTakes",
                   wsFrame(kText, large) + wsFrame(kText, "next"),
                   {text(large), text("next")},
                   {text(kTooLarge), text("next")}});
  cases.push_back({"TooMuchInFragments",
                   inFragments(1, large, 64 * 1024) + wsFrame(kText, "next"),
                   {text(large), text("next")},
                   {text(kTooLarge), text("next")}});
  const std::string many(1025, 'x');
  cases.push_back({.name = "OneFragmentMoreThanTheAgentTakes",
                   .bytes = inFragments(1, many, 1),
                   .answers = {text(many)},
                   .lenient = {closed(1008)},
                   .lenient_goes_on = false});
  for (const auto& [name, size] :
       {std::pair{"SixtyFourMebibytesAndOne", std::uint64_t{64 * 1024 * 1024 + 1}},
        std::pair{"FourGibibytes", std::uint64_t{1} << 32},
        std::pair{"AllThereIs", ~std::uint64_t{0} >> 1}}) {
    Case announced = violation(std::string("Announced") + name, head(kText, size, 8), 1009);
    announced.lenient = {text(kTooLarge), closed(1009)};
    cases.push_back(announced);
  }
  return cases;
}

}  // namespace websocket_test
