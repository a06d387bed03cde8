#include "agent/files/archive_stream.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <vector>

#include "agent/files/beneath.h"
#include "agent/files/extents.h"
#include "agent/utf8.h"

namespace agent::files {
namespace {

constexpr std::size_t kBlock = 256 * 1024;
constexpr mode_t kArchivedPermissions = 0777;
/// What is read at a time on the way to an entry.
constexpr std::size_t kHeaderPiece = 512;
/// Of a file with holes; one with more is archived with them filled.
constexpr std::size_t kMostExtents = 4096;

/// Names in archives are UTF-8 here, whatever locale the process has; of this thread alone.
class Utf8Names {
 public:
  Utf8Names() : before_(::uselocale(locale("C.UTF-8"))) {}
  /// For writing `name`. One that is not UTF-8 is written as it is: a zip says of the others that
  /// they are.
  explicit Utf8Names(const std::string& name)
      : before_(::uselocale(locale(isUtf8(name) ? "C.UTF-8" : "C"))) {}
  ~Utf8Names() { ::uselocale(before_); }
  Utf8Names(const Utf8Names&) = delete;
  Utf8Names& operator=(const Utf8Names&) = delete;

 private:
  static locale_t locale(std::string_view name) {
    static const locale_t utf8 = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    static const locale_t plain = ::newlocale(LC_CTYPE_MASK, "C", nullptr);
    return name == "C" ? plain : utf8;
  }
  locale_t before_;
};

using Entry = std::unique_ptr<archive_entry, void (*)(archive_entry*)>;

bool endsWith(std::string_view name, std::string_view ending) {
  if (name.size() <= ending.size()) return false;
  const std::string_view end = name.substr(name.size() - ending.size());
  return std::equal(end.begin(), end.end(), ending.begin(), [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
  });
}

std::string textOf(const char* text) { return text == nullptr ? std::string() : text; }

}  // namespace

std::optional<ArchiveFormat> formatOfName(std::string_view name) {
  if (endsWith(name, ".zip")) return ArchiveFormat::kZip;
  if (endsWith(name, ".tar")) return ArchiveFormat::kTar;
  if (endsWith(name, ".tar.gz") || endsWith(name, ".tgz")) return ArchiveFormat::kTarGz;
  if (endsWith(name, ".tar.zst") || endsWith(name, ".tzst")) return ArchiveFormat::kTarZst;
  return std::nullopt;
}

struct ArchiveWriter::State {
  State(Sink where, bool holes) : sink(std::move(where)), keeps_holes(holes) {}

  /// libarchive is C: what the sink throws must not pass through it. Nor is it told: after an error
  /// it frees no more what it holds.
  static la_ssize_t write(archive*, void* self, const void* bytes, std::size_t size) {
    State& state = *static_cast<State*>(self);
    if (state.abandoned) return -1;
    try {
      if (!state.failure) state.sink(bytes, size);
    } catch (...) {
      state.failure = std::current_exception();
    }
    return static_cast<la_ssize_t>(size);
  }

  void require(int done) {
    if (failure) std::rethrow_exception(failure);
    if (done >= ARCHIVE_WARN) return;
    throw Refusal("INTERNAL_ERROR",
                  "the archive cannot be written: " + textOf(::archive_error_string(writer.get())));
  }

  Entry describe(const std::string& path, const struct stat& status) const {
    Entry entry(::archive_entry_new(), ::archive_entry_free);
    if (isUtf8(path))
      ::archive_entry_set_pathname_utf8(entry.get(), path.c_str());
    else
      ::archive_entry_set_pathname(entry.get(), path.c_str());
    ::archive_entry_set_mode(entry.get(), status.st_mode & (S_IFMT | kArchivedPermissions));
    ::archive_entry_set_uid(entry.get(), status.st_uid);
    ::archive_entry_set_gid(entry.get(), status.st_gid);
    ::archive_entry_set_mtime(entry.get(), status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
    return entry;
  }

  Sink sink;
  const bool keeps_holes;
  std::int64_t stored = 0;
  std::exception_ptr failure{};
  bool abandoned = false;  ///< nothing more is written
  std::vector<char> buffer = std::vector<char>(kBlock);
  std::unique_ptr<archive, int (*)(archive*)> writer{::archive_write_new(), ::archive_write_free};
};

ArchiveWriter::ArchiveWriter(ArchiveFormat format, Sink sink)
    : state_(std::make_unique<State>(std::move(sink), format != ArchiveFormat::kZip)) {
  archive* const writer = state_->writer.get();
  const Utf8Names utf8;
  state_->require(format == ArchiveFormat::kZip
                      ? ::archive_write_set_format_zip(writer)
                      : ::archive_write_set_format_pax_restricted(writer));
  if (format == ArchiveFormat::kTarGz) state_->require(::archive_write_add_filter_gzip(writer));
  if (format == ArchiveFormat::kTarZst) state_->require(::archive_write_add_filter_zstd(writer));
  ::archive_write_set_bytes_per_block(writer, 64 * 1024);
  ::archive_write_set_bytes_in_last_block(writer, 1);
  state_->require(::archive_write_open(writer, state_.get(), nullptr, State::write, nullptr));
}

/// One that was not finished writes no end: freeing it would.
ArchiveWriter::~ArchiveWriter() { state_->abandoned = true; }

void ArchiveWriter::addDirectory(const std::string& path, const struct stat& status) {
  const Utf8Names names(path);
  const Entry entry = state_->describe(path, status);
  state_->require(::archive_write_header(state_->writer.get(), entry.get()));
}

void ArchiveWriter::addFile(const std::string& path, const struct stat& status, int fd,
                            const std::function<void(std::size_t bytes)>& each) {
  const Utf8Names names(path);
  const Entry entry = state_->describe(path, status);
  ::archive_entry_set_size(entry.get(), status.st_size);
  // What lies between is passed on as zeros and left out by formats that can.
  const std::vector<Extent> data = dataOf(fd, status.st_size, kMostExtents);
  for (const Extent& one : data)
    ::archive_entry_sparse_add_entry(entry.get(), one.begin, one.end - one.begin);
  if (data.empty() && status.st_size > 0) ::archive_entry_sparse_add_entry(entry.get(), 0, 0);
  state_->require(::archive_write_header(state_->writer.get(), entry.get()));
  std::int64_t offset = 0;
  const auto pass = [&](const char* bytes, std::size_t size) {
    const la_ssize_t written = ::archive_write_data(state_->writer.get(), bytes, size);
    state_->require(written < 0 ? ARCHIVE_FATAL : ARCHIVE_OK);
    offset += static_cast<std::int64_t>(size);
    each(size);
  };
  const auto passZeros = [&](std::int64_t end) {
    static const std::vector<char> zeros(kBlock);
    if (!state_->keeps_holes) state_->stored += std::max<std::int64_t>(end - offset, 0);
    while (offset < end)
      pass(zeros.data(), static_cast<std::size_t>(std::min<std::int64_t>(kBlock, end - offset)));
  };
  for (const Extent& one : data) {
    passZeros(one.begin);
    while (offset < one.end) {
      const auto most = std::min<std::int64_t>(kBlock, one.end - offset);
      const ssize_t got =
          ::pread(fd, state_->buffer.data(), static_cast<std::size_t>(most), offset);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) refuseErrno(errno, '/' + path);
      if (got == 0) break;  // it was made shorter meanwhile
      state_->stored += got;
      pass(state_->buffer.data(), static_cast<std::size_t>(got));
    }
  }
  passZeros(status.st_size);
  state_->require(::archive_write_finish_entry(state_->writer.get()));
}

void ArchiveWriter::addSymlink(const std::string& path, const struct stat& status,
                               const std::string& target) {
  const Utf8Names names(path);
  const Entry entry = state_->describe(path, status);
  ::archive_entry_set_symlink_utf8(entry.get(), target.c_str());
  if (::archive_entry_symlink(entry.get()) == nullptr)
    ::archive_entry_set_symlink(entry.get(), target.c_str());
  state_->require(::archive_write_header(state_->writer.get(), entry.get()));
}

void ArchiveWriter::finish() {
  const Utf8Names utf8;
  state_->require(::archive_write_close(state_->writer.get()));
}

std::int64_t ArchiveWriter::stored() const { return state_->stored; }

struct ArchiveReader::State {
  /// libarchive is C: what is thrown must not pass through it.
  static la_ssize_t read(archive* reader, void* self, const void** bytes) {
    State& state = *static_cast<State*>(self);
    try {
      *bytes = state.buffer.data();
      return state.readMore();
    } catch (...) {
      state.failure = std::current_exception();
      ::archive_set_error(reader, EIO, "it cannot be read");
      return ARCHIVE_FATAL;
    }
  }

  static la_int64_t skip(archive*, void* self, la_int64_t bytes) {
    State& state = *static_cast<State*>(self);
    const la_int64_t skipped = std::clamp<la_int64_t>(state.size - state.at, 0, bytes);
    state.at += skipped;
    return skipped;
  }

  static la_int64_t seek(archive*, void* self, la_int64_t offset, int whence) {
    State& state = *static_cast<State*>(self);
    la_int64_t to = 0;
    if (whence == SEEK_CUR) to = state.at;
    if (whence == SEEK_END) to = state.size;
    if (__builtin_add_overflow(to, offset, &to) || to < 0) return ARCHIVE_FATAL;
    return state.at = to;
  }

  la_ssize_t readMore() {
    patience.check();
    if (in_next) boundHeaders();
    ssize_t got = 0;
    do {
      got = ::pread(fd, buffer.data(), in_next ? kHeaderPiece : buffer.size(), at);
    } while (got < 0 && errno == EINTR);
    if (got < 0) refuseErrno(errno, shown);
    at += got;
    between += got;
    return got;
  }

  /// What describes entries is kept in memory by libarchive, however far it was compressed: so it
  /// gets little at a time, and what came out of that is looked at.
  void boundHeaders() {
    const std::int64_t unpacked = ::archive_filter_bytes(reader.get(), 0) - unpacked_before;
    if (between > kMostBetween || unpacked > kMostBetween)
      throw Refusal("FILE_TOO_LARGE",
                    '\'' + shown + "' holds a directory of its entries of more than " +
                        std::to_string(kMostBetween) + " bytes; nothing of it was kept");
  }

  int require(int done, int least = ARCHIVE_WARN) const {
    if (failure) std::rethrow_exception(failure);
    if (done >= least || done == ARCHIVE_EOF) return done;
    throw Refusal("INVALID_PAYLOAD", '\'' + shown +
                                         "' is no archive (zip, tar, tar.gz, tar.zst), "
                                         "or is damaged or encrypted: " +
                                         textOf(::archive_error_string(reader.get())));
  }

  const int fd;
  const std::string shown;
  const Patience& patience;
  const std::int64_t size = statusOf(fd).st_size;
  std::int64_t at = 0;
  std::int64_t between = 0;          ///< bytes read since next() was called
  std::int64_t unpacked_before = 0;  ///< when it was called
  bool in_next = false;
  std::exception_ptr failure{};
  std::vector<char> buffer = std::vector<char>(kBlock);
  std::unique_ptr<archive, int (*)(archive*)> reader{::archive_read_new(), ::archive_read_free};
};

ArchiveReader::ArchiveReader(int fd, std::string shown, const Patience& patience)
    : state_(new State{.fd = fd, .shown = std::move(shown), .patience = patience}) {
  archive* const reader = state_->reader.get();
  ::archive_read_support_format_zip(reader);
  ::archive_read_support_format_tar(reader);
  ::archive_read_support_filter_gzip(reader);
  ::archive_read_support_filter_zstd(reader);
  ::archive_read_set_read_callback(reader, State::read);
  ::archive_read_set_skip_callback(reader, State::skip);
  ::archive_read_set_seek_callback(reader, State::seek);
  ::archive_read_set_callback_data(reader, state_.get());
  state_->require(::archive_read_open1(reader));
}

ArchiveReader::~ArchiveReader() = default;

std::optional<ArchiveEntry> ArchiveReader::next() {
  const Utf8Names utf8;
  archive_entry* found = nullptr;
  state_->between = 0;
  state_->unpacked_before = ::archive_filter_bytes(state_->reader.get(), 0);
  state_->in_next = true;
  const int done = ::archive_read_next_header(state_->reader.get(), &found);
  state_->in_next = false;
  if (state_->require(done) == ARCHIVE_EOF) return std::nullopt;
  ArchiveEntry entry;
  const char* const utf8_path = ::archive_entry_pathname_utf8(found);
  entry.path = textOf(utf8_path != nullptr ? utf8_path : ::archive_entry_pathname(found));
  entry.permissions = ::archive_entry_perm(found) & kArchivedPermissions;
  entry.size = ::archive_entry_size_is_set(found) != 0 ? ::archive_entry_size(found) : -1;
  entry.user = ::archive_entry_uid(found);
  entry.group = ::archive_entry_gid(found);
  if (::archive_entry_mtime_is_set(found) != 0)
    entry.modified = timespec{::archive_entry_mtime(found), ::archive_entry_mtime_nsec(found)};
  const bool hard_link = ::archive_entry_hardlink(found) != nullptr;
  switch (::archive_entry_filetype(found)) {
    case AE_IFREG:
      entry.type = hard_link ? ArchiveEntry::Type::kOther : ArchiveEntry::Type::kFile;
      break;
    case AE_IFDIR:
      entry.type = ArchiveEntry::Type::kDirectory;
      break;
    case AE_IFLNK:
      entry.type = ArchiveEntry::Type::kSymlink;
      entry.target = textOf(::archive_entry_symlink(found));
      break;
    default:
      break;
  }
  return entry;
}

std::optional<ArchiveReader::Block> ArchiveReader::nextBlock() {
  const Utf8Names utf8;
  Block block;
  la_int64_t offset = 0;
  const int done =
      ::archive_read_data_block(state_->reader.get(), &block.bytes, &block.size, &offset);
  // A wrong checksum is a warning there.
  if (state_->require(done, ARCHIVE_OK) == ARCHIVE_EOF) return std::nullopt;
  block.offset = offset;
  return block;
}

std::int64_t ArchiveReader::consumed() const {
  return ::archive_filter_bytes(state_->reader.get(), -1);
}

}  // namespace agent::files
