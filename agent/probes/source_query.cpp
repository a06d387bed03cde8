#include "agent/probes/source_query.h"

#include <utility>

namespace agent {
namespace {

using control::Error;
using control::ErrorCode;
using control::Result;
using namespace std::string_view_literals;

constexpr std::string_view kWhole = "\xFF\xFF\xFF\xFF"sv;
constexpr std::string_view kPart = "\xFE\xFF\xFF\xFF"sv;
constexpr std::string_view kAskInfo = "\xFF\xFF\xFF\xFFTSource Engine Query\0"sv;
constexpr std::string_view kAskPlayers = "\xFF\xFF\xFF\xFFU"sv;
/// In place of a challenge: asks for one.
constexpr std::string_view kNoChallenge = "\xFF\xFF\xFF\xFF"sv;
/// A server may give another one when it forgot the first. One that never has enough is refused.
constexpr int kMostChallenges = 4;
constexpr std::uint32_t kCompressed = 0x8000'0000;

Error noAnswer(const std::string& why) {
  return {.code = ErrorCode::kUnavailable, .message = "no Source server's answer: " + why};
}

/// Takes fields from the front of an answer; once one is missing, all that follow are.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  unsigned byte() { return static_cast<unsigned>(number(1)); }
  /// Little endian.
  std::uint32_t number(std::size_t size) {
    const std::string_view bytes = skip(size);
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i)
      value |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
    return value;
  }
  std::string_view text() {
    const std::size_t end = rest_.find('\0');
    if (end == std::string_view::npos) return skip(rest_.size() + 1);
    return skip(end + 1).substr(0, end);
  }
  std::string_view skip(std::size_t size) {
    complete_ = complete_ && size <= rest_.size();
    if (!complete_) return {};
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  bool complete() const { return complete_; }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
  bool complete_ = true;
};

}  // namespace

SourceQuery::SourceQuery() : output_(kAskInfo) {}

std::string SourceQuery::takeOutput() { return std::exchange(output_, {}); }

std::optional<std::chrono::milliseconds> SourceQuery::patience() const {
  return has_info_ ? std::optional(kListTime) : std::nullopt;
}

Result<bool> SourceQuery::take(std::string_view datagram) {
  if (datagram.starts_with(kWhole)) return takeAnswer(datagram.substr(kWhole.size()));
  if (datagram.starts_with(kPart)) return takePart(datagram.substr(kPart.size()));
  return noAnswer("a datagram of another protocol");
}

Result<bool> SourceQuery::takePart(std::string_view part) {
  Reader reader(part);
  const std::uint32_t id = reader.number(4);
  const std::size_t total = reader.byte();
  const std::size_t index = reader.byte();
  static_cast<void>(reader.number(2));  // how the server would cut it
  if (!reader.complete()) return noAnswer("a part that is cut off");
  if ((id & kCompressed) != 0) return noAnswer("it is compressed");
  if (total == 0 || total > kMostParts || index >= total)
    return noAnswer("part " + std::to_string(index) + " of " + std::to_string(total));
  // Parts of an answer before this one come to nothing.
  if (parts_.total != total || parts_.id != id) parts_ = {.id = id, .total = total};
  if (parts_.parts[index]) return false;
  parts_.bytes += reader.rest().size();
  if (parts_.bytes > kLongestAnswer) return noAnswer("it is too long");
  parts_.parts[index] = std::string(reader.rest());
  if (++parts_.came < total) return false;
  std::string whole;
  for (std::size_t i = 0; i < total; ++i) whole += *parts_.parts[i];
  parts_ = {};
  if (!whole.starts_with(kWhole)) return noAnswer("parts that make up none");
  return takeAnswer(std::string_view(whole).substr(kWhole.size()));
}

Result<bool> SourceQuery::takeAnswer(std::string_view answer) {
  if (answer.empty()) return noAnswer("it is empty");
  const std::string_view rest = answer.substr(1);
  switch (answer.front()) {
    case 'A':
      return takeChallenge(rest);
    case 'I':
      return takeInfo(rest);
    case 'D':
      return takePlayers(rest);
    default:
      return noAnswer("it answers something else");
  }
}

Result<bool> SourceQuery::takeChallenge(std::string_view challenge) {
  if (challenge.size() < kNoChallenge.size()) return noAnswer("a challenge that is cut off");
  if (++challenges_ > kMostChallenges) return noAnswer("one challenge after the other");
  challenge_ = challenge.substr(0, kNoChallenge.size());
  if (has_info_)
    askPlayers(challenge_);
  else
    output_ = std::string(kAskInfo) + challenge_;
  return false;
}

Result<bool> SourceQuery::takeInfo(std::string_view info) {
  if (has_info_) return false;  // the same once more
  Reader reader(info);
  static_cast<void>(reader.byte());                                       // protocol
  for (int text = 0; text < 4; ++text) static_cast<void>(reader.text());  // name, map, folder, game
  static_cast<void>(reader.number(2));                                    // application
  const unsigned online = reader.byte();
  const unsigned max = reader.byte();
  if (!reader.complete()) return noAnswer("information that is cut off");
  answer_.players = Players{.online = online, .max = max};
  has_info_ = true;
  askPlayers(challenge_.empty() ? kNoChallenge : challenge_);
  return false;
}

Result<bool> SourceQuery::takePlayers(std::string_view players) {
  if (!has_info_) return noAnswer("players that nobody asked for");
  Reader reader(players);
  for (unsigned left = reader.byte(); left > 0 && reader.complete(); --left) {
    static_cast<void>(reader.byte());  // index
    const std::string_view name = reader.text();
    static_cast<void>(reader.skip(4 + 4));  // score, time
    if (reader.complete()) answer_.players->addName(name);
  }
  // Of one that is cut off counts what came: how many they are is known.
  if (!answer_.players->list) answer_.players->list.emplace();
  return true;
}

void SourceQuery::askPlayers(std::string_view challenge) {
  output_ = std::string(kAskPlayers) + std::string(challenge);
}

}  // namespace agent
