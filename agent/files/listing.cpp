#include "agent/files/listing.h"

#include <algorithm>
#include <cstring>
#include <ctime>
#include <string>
#include <utility>

#include "agent/files/tree.h"
#include "agent/panel/json_plain.h"
#include "agent/panel/refusal.h"

namespace agent::files {

/// All names of a directory in one piece of memory.
class Listing::Names {
 public:
  void add(const char* name) {
    starts_.push_back(static_cast<std::uint32_t>(text_.size()));
    text_.append(name);
    text_ += '\0';
  }
  std::size_t size() const { return starts_.size(); }
  std::size_t bytes() const { return text_.size(); }
  const char* operator[](std::size_t i) const { return text_.data() + starts_[i]; }

  /// Puts those from `begin` to `end` where they belong in byte order.
  void sort(std::size_t begin, std::size_t end) {
    const auto before = [this](std::uint32_t a, std::uint32_t b) {
      return std::strcmp(text_.data() + a, text_.data() + b) < 0;
    };
    const auto at = [this](std::size_t i) {
      return starts_.begin() + static_cast<std::ptrdiff_t>(i);
    };
    if (begin > 0) std::nth_element(at(0), at(begin), starts_.end(), before);
    if (end == size())
      std::sort(at(begin), starts_.end(), before);
    else
      std::partial_sort(at(begin), at(end), starts_.end(), before);
  }

 private:
  std::string text_;
  std::vector<std::uint32_t> starts_;
};

namespace {

/// What file systems take the times of changes from. It moves by milliseconds.
std::int64_t fileClock() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return nanoseconds(now);
}

}  // namespace

Listing::Names Listing::read(int directory, const CheckedPath& path, const Patience& patience) {
  Names names;
  const int error = forEachName(directory, [&](const char* name) {
    if (path.isRoot() && name == kStagingName) return true;
    if (names.bytes() >= kMostNameBytes)
      throw Refusal("FILE_TOO_LARGE", '\'' + path.shown() +
                                          "' holds more names than can be listed: " +
                                          std::to_string(names.size()) + " and more");
    if (names.size() % 4096 == 0) patience.check();
    names.add(name);
    return true;
  });
  if (error != 0) refuseErrno(error, path.shown());
  return names;
}

Page Listing::page(const ServerRoot& root, const CheckedPath& path, std::size_t offset,
                   std::size_t limit, const Patience& patience) {
  const Descriptor directory = root.directory(path);
  const std::int64_t now = fileClock();
  const struct stat status = statusOf(directory.get());
  const Version version{status.st_dev, status.st_ino, nanoseconds(status.st_ctim)};
  const auto endIn = [&](const Names& names) {
    return std::min(names.size(), offset + std::min(limit, names.size()));
  };

  std::shared_ptr<const Names> names = kept(version);
  if (!names) {
    Names fresh = read(directory.get(), path, patience);
    if (offset >= fresh.size()) return {.total = fresh.size(), .offset = offset};
    const std::size_t end = endIn(fresh);
    // Another change within the tick of the last one would give no other version.
    const bool keeps =
        end < fresh.size() && fresh.bytes() <= kMostKeptBytes && version.changed_ns < now;
    if (keeps)
      fresh.sort(0, fresh.size());
    else
      fresh.sort(offset, end);
    names = std::make_shared<const Names>(std::move(fresh));
    if (keeps) keep(version, names);
  }

  Page page{.total = names->size(), .offset = offset};
  const std::size_t end = endIn(*names);
  std::size_t bytes = 0;
  for (std::size_t i = offset; i < end && bytes < static_cast<std::size_t>(kMostContent); ++i) {
    struct stat entry {};
    // One that went meanwhile keeps its place, so that pages neither overlap nor miss any.
    (void)statusIn(directory.get(), (*names)[i], entry);
    page.entries.push_back(describe((*names)[i], entry));
    bytes += kPerEntry + encodedBytes(page.entries.back().name);
  }
  if (offset + page.entries.size() >= page.total) forget(version);
  return page;
}

std::shared_ptr<const Listing::Names> Listing::kept(const Version& version) const {
  const std::lock_guard lock(mutex_);
  return version == version_ ? names_ : nullptr;
}

void Listing::keep(const Version& version, std::shared_ptr<const Names> names) {
  const std::lock_guard lock(mutex_);
  version_ = version;
  names_ = std::move(names);
}

void Listing::forget(const Version& version) {
  const std::lock_guard lock(mutex_);
  if (version == version_) names_ = nullptr;
}

bool Listing::keepsNames() const {
  const std::lock_guard lock(mutex_);
  return names_ != nullptr;
}

}  // namespace agent::files
