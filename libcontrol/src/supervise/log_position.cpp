#include "supervise/log_position.h"

#include <algorithm>

namespace control {
namespace {

/// How far apart engines may stamp stdout and stderr and put them into the log.
constexpr Duration kMostSkew = std::chrono::seconds(2);

}  // namespace

std::optional<WallTime> LogPosition::since() const {
  const auto& [out, err] = moments_;
  if (!out.at || !err.at) return out.at ? out.at : err.at;
  return std::max(std::min(*out.at, *err.at), std::max(*out.at, *err.at) - kMostSkew);
}

void LogPosition::resume() {
  for (std::size_t slot = 0; slot < moments_.size(); ++slot) {
    again_.at(slot).reset();
    if (moments_.at(slot).at) again_.at(slot).emplace(Moment{.at = moments_.at(slot).at});
  }
}

void LogPosition::add(Moment& moment, std::string_view bytes) {
  moment.checksum = checksum(bytes, moment.checksum);
  moment.bytes += bytes.size();
}

LogPosition::Verdict LogPosition::take(Output& output) {
  const std::size_t slot = output.source == OutputSource::kStderr ? 1 : 0;
  Verdict verdict = Verdict::kNew;
  if (again_.at(slot)) verdict = skip(slot, output);
  if (verdict == Verdict::kSeen || !output.at) return verdict;
  Moment& moment = moments_.at(slot);
  if (moment.at != output.at) moment = Moment{.at = output.at};
  add(moment, output.bytes);
  return verdict;
}

LogPosition::Verdict LogPosition::skip(std::size_t slot, Output& output) {
  const Moment& before = moments_.at(slot);
  Moment& again = *again_.at(slot);
  if (output.at && *output.at < *before.at) return Verdict::kSeen;
  bool lost = again.bytes < before.bytes;
  if (output.at == before.at) {
    const std::size_t cut = static_cast<std::size_t>(
        std::min<std::uint64_t>(before.bytes - again.bytes, output.bytes.size()));
    add(again, std::string_view(output.bytes).substr(0, cut));
    output.bytes.erase(0, cut);
    if (again.bytes < before.bytes) return Verdict::kSeen;
    lost = again.checksum != before.checksum;
    if (output.bytes.empty() && !lost) {
      again_.at(slot).reset();
      return Verdict::kSeen;
    }
    // Of the same stamp, other bytes in the place of those: how far they had been read is unknown.
  }
  again_.at(slot).reset();
  return lost ? Verdict::kNewLost : Verdict::kNew;
}

}  // namespace control
