#include "engine/output.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <algorithm>

#include "engine/layout.h"

namespace process_engine {
namespace {

constexpr off_t kSegmentBytes = 1 << 20;
constexpr std::size_t kSegments = 16;

struct Header {
  std::int64_t at;
  std::uint32_t size;
  Source source;
  std::uint8_t unused[3];
};

Fd openFolder(int container) {
  return Fd(::openat(container, kOutputFolder, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

std::string fileName(int number, int run) {
  return std::to_string(number) + '.' + std::to_string(run);
}

/// Number and run of each, in order.
std::vector<std::pair<int, int>> listSegments(int folder) {
  std::vector<std::pair<int, int>> found;
  for (const std::string& name : namesIn(folder)) {
    const std::size_t dot = name.find('.');
    const auto number = toInt(std::string_view(name).substr(0, dot));
    const auto run = dot == name.npos ? std::nullopt : toInt(name.substr(dot + 1));
    if (number && run) found.emplace_back(*number, *run);
  }
  std::sort(found.begin(), found.end());
  return found;
}

off_t sizeOf(const Fd& file) {
  struct stat status {};
  return file && ::fstat(file.get(), &status) == 0 ? status.st_size : 0;
}

}  // namespace

OutputWriter::OutputWriter(int container, int run) : folder_(openFolder(container)), run_(run) {
  const auto present = listSegments(folder_.get());
  if (!present.empty()) number_ = present.back().first;
  beginSegment();
}

void OutputWriter::beginSegment() {
  ++number_;
  segment_.reset(::openat(folder_.get(), fileName(number_, run_).c_str(),
                          O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  size_ = 0;
  const auto present = listSegments(folder_.get());
  for (std::size_t i = 0; i + kSegments < present.size(); ++i)
    ::unlinkat(folder_.get(), fileName(present[i].first, present[i].second).c_str(), 0);
}

void OutputWriter::write(Source source, std::string_view bytes) {
  if (size_ > kSegmentBytes || !segment_) beginSegment();
  if (lost_) lost_ = !put(Source::kGap, {});
  if (!lost_) lost_ = !put(source, bytes);
}

bool OutputWriter::put(Source source, std::string_view bytes) {
  Header header{.at = wallClock(),
                .size = static_cast<std::uint32_t>(bytes.size()),
                .source = source,
                .unused = {}};
  const iovec parts[2] = {{&header, sizeof header},
                          {const_cast<char*>(bytes.data()), bytes.size()}};
  const ssize_t size = static_cast<ssize_t>(sizeof header + bytes.size());
  if (::pwritev(segment_.get(), parts, 2, size_) == size) {
    size_ += size;
    return true;
  }
  if (segment_) [[maybe_unused]]
    const int cut = ::ftruncate(segment_.get(), size_);
  return false;
}

OutputReader::OutputReader(int container, int last_run)
    : folder_(openFolder(container)), last_run_(last_run) {}

std::vector<OutputReader::Segment> OutputReader::segments() const {
  std::vector<Segment> all;
  for (const auto& [number, run] : listSegments(folder_.get()))
    if (run <= last_run_) all.push_back({number, run});
  return all;
}

void OutputReader::skipToEnd() {
  const auto all = segments();
  if (all.empty()) return;
  open(all.back());
  offset_ = sizeOf(file_);
}

void OutputReader::open(const Segment& segment) {
  at_ = segment;
  offset_ = 0;
  file_.reset(
      ::openat(folder_.get(), fileName(segment.number, segment.run).c_str(), O_RDONLY | O_CLOEXEC));
}

void OutputReader::stopAtEnd() {
  const auto all = segments();
  if (all.empty()) {
    end_ = {0, 0};
    return;
  }
  const Segment last = all.back();
  const Fd file(
      ::openat(folder_.get(), fileName(last.number, last.run).c_str(), O_RDONLY | O_CLOEXEC));
  end_ = {last.number, sizeOf(file)};
}

std::optional<Frame> OutputReader::next() {
  for (;;) {
    if (end_ && std::pair(at_.number, offset_) >= *end_) return std::nullopt;
    if (auto frame = readFrame()) return frame;
    const auto all = segments();
    const auto following = std::upper_bound(all.begin(), all.end(), at_);
    if (following == all.end()) return std::nullopt;
    // It may have been filled between the two looks.
    if (auto frame = readFrame()) return frame;
    // A rest that is no whole frame is what a killed keeper was writing.
    const bool lost = following->number != at_.number + 1 || offset_ < sizeOf(file_);
    open(*following);
    if (lost || !file_) return Frame{};
  }
}

std::optional<Frame> OutputReader::readFrame() {
  Header header{};
  if (!file_ || ::pread(file_.get(), &header, sizeof header, offset_) != sizeof header ||
      header.size > kMaxFrameBytes)
    return std::nullopt;
  Frame frame{.source = header.source, .at = header.at, .bytes = std::string(header.size, '\0')};
  const off_t begin = offset_ + static_cast<off_t>(sizeof header);
  if (::pread(file_.get(), frame.bytes.data(), header.size, begin) != ssize_t(header.size))
    return std::nullopt;
  offset_ = begin + static_cast<off_t>(header.size);
  return frame;
}

}  // namespace process_engine
