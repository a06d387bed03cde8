#include "progress.h"

#include <algorithm>
#include <array>
#include <iomanip>
#include <sstream>

#include "panel.h"
#include "words.h"

namespace panel {
namespace {

using Object = Poco::JSON::Object::Ptr;

std::optional<double> percentageOf(const Progress& progress) {
  std::optional<double> share = progress.percentage;
  if (!share && progress.total.value_or(0) > 0)
    share = 100.0 * static_cast<double>(progress.bytes) / static_cast<double>(*progress.total);
  if (share) share = std::clamp(*share, 0.0, 100.0);
  return share;
}

}  // namespace

std::string operationName(const std::string& action, const Object& data) {
  const std::string image = text(data, "image");
  if (action == "pull_image") return image.empty() ? "pull" : "pull of " + image;
  const std::string server = text(data, "serverId");
  if (action == "create_archive") return "archive of " + server;
  if (action == "extract_archive") return "extraction to " + server;
  if (action == "create_backup") return "backup of " + server;
  if (action == "restore_backup") return "restore of " + server;
  return {};
}

Progress progressOf(const std::string& event, const Object& data) {
  Progress progress;
  if (event == "image_pull_progress") {
    progress.what = operationName("pull_image", data);
    progress.bytes = number(data, "current");
    if (const std::int64_t total = number(data, "total"); total > 0) progress.total = total;
  } else {
    progress.what = operationName(text(data, "action"), data);
    progress.bytes = number(data, "bytes");
    progress.entries = text(data, "entries");
  }
  progress.percentage = parseNumber(text(data, "percentage"));
  return progress;
}

std::string sizeText(std::int64_t bytes) {
  constexpr std::array<const char*, 5> kUnits{" bytes", " KiB", " MiB", " GiB", " TiB"};
  auto size = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; size >= 1024 && unit + 1 < kUnits.size(); ++unit) size /= 1024;
  std::ostringstream out;
  out << std::fixed << std::setprecision(unit == 0 ? 0 : 1) << size << kUnits[unit];
  return out.str();
}

std::string drawBar(const Progress& progress) {
  const auto percentage = percentageOf(progress);
  const auto tenths = static_cast<std::size_t>(percentage.value_or(0) / 10);
  std::ostringstream out;
  out << '[' << std::string(tenths, '#') << std::string(10 - tenths, '.') << "] ";
  if (percentage)
    out << std::setw(3) << static_cast<int>(*percentage) << " %  ";
  else
    out << "  ? %  ";
  out << progress.what;
  const char* separator = ": ";
  if (!progress.entries.empty()) {
    out << separator << progress.entries << (progress.entries == "1" ? " entry" : " entries");
    separator = ", ";
  }
  if (progress.bytes > 0 || progress.total) out << separator << sizeText(progress.bytes);
  if (progress.total) out << " of " << sizeText(*progress.total);
  return out.str();
}

void ProgressBars::show(const std::string& key, const Progress& progress) {
  const std::scoped_lock lock(mutex_);
  if (over_.contains(key)) return;
  Shown& shown = shown_[key];
  shown.progress = progress;
  if (screen_.redraws()) {
    drawn_ = key;
    return screen_.bar(drawBar(progress));
  }
  if (const auto percentage = percentageOf(progress)) {
    // The last tenth is the full bar's.
    const int tenths = static_cast<int>(*percentage / 10);
    if (tenths <= shown.tenths || tenths == 10) return;
    shown.tenths = tenths;
  } else {
    if (progress.bytes < shown.next_bytes) return;
    shown.next_bytes = 2 * progress.bytes;
  }
  screen_.line(drawBar(progress));
}

std::optional<Progress> ProgressBars::end(const std::string& key) {
  const std::scoped_lock lock(mutex_);
  over_.insert(key);
  if (drawn_ == key) {
    drawn_.clear();
    screen_.bar("");
  }
  const auto shown = shown_.extract(key);
  return shown.empty() ? std::nullopt : std::optional(shown.mapped().progress);
}

void ProgressBars::finish(const std::string& key, std::optional<Progress> last) {
  const std::optional<Progress> shown = end(key);
  if (!last) last = shown;
  if (!last) return;
  last->percentage = 100;
  if (last->total) last->bytes = *last->total;
  screen_.line(drawBar(*last));
}

void ProgressBars::drop(const std::string& key) { end(key); }

}  // namespace panel
