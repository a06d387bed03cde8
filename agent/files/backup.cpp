#include "agent/files/backup.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <system_error>

#include "agent/files/digest.h"
#include "agent/files/ignored.h"
#include "agent/files/pack.h"
#include "agent/files/staging.h"
#include "agent/files/temporary_name.h"
#include "agent/files/throttle.h"
#include "agent/files/tree.h"
#include "agent/files/unpack.h"

namespace agent::files {
namespace {

constexpr const char* kArchive = ".tar.zst";
constexpr const char* kInfo = ".info";
/// Names that no backup has.
constexpr const char* kUnfinished = ".unfinished-";

/// Held while the two files of a backup get or lose their names: whoever has it sees half of one
/// only where an agent was killed.
std::mutex naming_mutex;

/// Nothing when there is none yet.
Descriptor openStore(const std::string& backup_dir, const std::string& server_id) {
  requireOpenBeneath();
  const Descriptor all = openOwnDirectory(backup_dir);
  Descriptor own;
  if (all) own = openDirectoryIn(all.get(), server_id.c_str());
  if (!own && errno != ENOENT) refuseErrno(errno, "the folder of backups");
  return own;
}

Descriptor makeStore(const std::string& backup_dir, const std::string& server_id) {
  std::error_code ignored;  // the open that follows tells
  std::filesystem::create_directories(std::filesystem::path(backup_dir).parent_path(), ignored);
  ::mkdir(backup_dir.c_str(), 0700);
  const Descriptor all = openOwnDirectory(backup_dir);
  if (!all) refuseErrno(errno, "the folder of backups");
  if (::mkdirat(all.get(), server_id.c_str(), 0700) != 0 && errno != EEXIST)
    refuseErrno(errno, "the folder of backups");
  Descriptor own = openDirectoryIn(all.get(), server_id.c_str());
  if (!own) refuseErrno(errno, "the folder of backups");
  return own;
}

std::string makeId() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y%m%dT%H%M%SZ", &parts);
  return std::string(text.data()) + '-' + hexDigits(8);
}

/// Removed unless it got its final name.
class Unfinished {
 public:
  explicit Unfinished(int directory) : directory_(directory), name_(temporaryName(kUnfinished)) {
    file_ = createFileIn(directory_, name_.c_str(), 0600);
    if (!file_) refuseErrno(errno, "the backup");
  }
  ~Unfinished() {
    if (!name_.empty()) ::unlinkat(directory_, name_.c_str(), 0);
  }
  Unfinished(const Unfinished&) = delete;
  Unfinished& operator=(const Unfinished&) = delete;

  int fd() const { return file_.get(); }
  void flush() const {
    if (::fsync(fd()) != 0) refuseErrno(errno, "the backup");
  }
  /// What was flushed is there from now on.
  void finish(const std::string& name) {
    if (::renameat2(directory_, name_.c_str(), directory_, name.c_str(), RENAME_NOREPLACE) != 0)
      refuseErrno(errno, "the backup");
    name_.clear();
    syncDirectory(directory_);
  }

 private:
  const int directory_;
  std::string name_;
  Descriptor file_;
};

std::map<std::string, std::string> readLines(int fd) {
  std::map<std::string, std::string> values;
  std::string text = readPiece(fd, "the backup", 0, 64 * 1024).bytes;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string line = text.substr(0, end);
    text.erase(0, end + 1);
    const std::size_t equals = line.find('=');
    if (equals != std::string::npos) values[line.substr(0, equals)] = line.substr(equals + 1);
  }
  return values;
}

std::optional<std::int64_t> number(const std::map<std::string, std::string>& values,
                                   const char* name) {
  const auto found = values.find(name);
  if (found == values.end()) return std::nullopt;
  const std::string& text = found->second;
  std::int64_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Owner and permissions as they were.
void dressAsBefore(int fd, const ArchiveEntry& entry) {
  if (::fchown(fd, static_cast<uid_t>(entry.user), static_cast<gid_t>(entry.group)) != 0 &&
      errno != EPERM)
    refuseErrno(errno, '/' + entry.path);
  if (::fchmod(fd, entry.permissions) != 0) refuseErrno(errno, '/' + entry.path);
}

/// The id of the backup that the file describes.
std::optional<std::string> describedBy(const std::string_view file) {
  if (file.starts_with('.') || !file.ends_with(kInfo)) return std::nullopt;
  return std::string(file.substr(0, file.size() - std::string_view(kInfo).size()));
}

void removeLoneDescriptions(int directory) {
  const std::lock_guard lock(naming_mutex);
  std::vector<std::string> lone;
  forEachName(directory, [&](const char* name) {
    struct stat archive {};
    const auto id = describedBy(name);
    if (id && !statusIn(directory, (*id + kArchive).c_str(), archive) && errno == ENOENT)
      lone.emplace_back(name);
    return true;
  });
  for (const std::string& name : lone) ::unlinkat(directory, name.c_str(), 0);
}

}  // namespace

void removeUnfinishedBackups(int directory) {
  for (const std::string& name : namesLeftOver(directory, kUnfinished))
    ::unlinkat(directory, name.c_str(), 0);
  removeLoneDescriptions(directory);
}

Backups::Backups(const std::string& backup_dir, const std::string& server_id)
    : backup_dir_(backup_dir),
      server_id_(server_id),
      directory_(openStore(backup_dir, server_id)) {}

std::vector<BackupInfo> Backups::list() const {
  std::vector<BackupInfo> all;
  if (!directory_) return all;
  forEachName(directory_.get(), [&](const char* name) {
    const auto id = describedBy(name);
    if (!id) return true;
    try {
      all.push_back(find(*id));
    } catch (const Refusal&) {  // going at this moment, or half of it is gone
    }
    return true;
  });
  std::sort(all.begin(), all.end(), [](const BackupInfo& a, const BackupInfo& b) {
    return std::pair(a.created_ns, a.id) < std::pair(b.created_ns, b.id);
  });
  return all;
}

BackupInfo Backups::find(const std::string& id) const {
  const Descriptor info =
      openBeneath(directory_.get(), (id + kInfo).c_str(), O_RDONLY, Links::kNone);
  struct stat archive {};
  if (!info || !statusIn(directory_.get(), (id + kArchive).c_str(), archive))
    throw Refusal("FILE_NOT_FOUND", "there is no backup '" + id + '\'');
  auto values = readLines(info.get());
  BackupInfo found{.id = id, .name = values["name"], .sha256 = values["sha256"]};
  found.created_ns = number(values, "created").value_or(0);
  found.size = archive.st_size;
  found.bytes = number(values, "bytes").value_or(0);
  found.entries = number(values, "entries").value_or(0);
  found.skipped = number(values, "skipped").value_or(0);
  found.taken = number(values, "taken").value_or(0);
  return found;
}

BackupInfo Backups::create(const ServerRoot& root, const BackupOptions& options,
                           const ArchiveWork& work, const std::function<void()>& before_reading) {
  BackupInfo info{.id = options.id.empty() ? makeId() : options.id, .name = options.name};
  if (!directory_) directory_ = makeStore(backup_dir_, server_id_);
  struct stat taken {};
  if (statusIn(directory_.get(), (info.id + kArchive).c_str(), taken))
    throw Refusal("FILE_EXISTS", "there is a backup '" + info.id + "' already");
  removeUnfinishedBackups(directory_.get());

  Unfinished file(directory_.get());
  before_reading();
  Throttle throttle(options.bytes_per_second, work.patience);
  Sha256 digest;
  ArchiveWriter writer(ArchiveFormat::kTarZst, [&](const void* bytes, std::size_t size) {
    throttle.pass(size);
    writeAll(file.fd(), bytes, size, info.size, "the backup");
    digest.add(bytes, size);
    info.size += static_cast<std::int64_t>(size);
  });
  Archived done;
  PackOptions packing{.links = true};
  packing.ignored = [&options](const std::string& path, bool directory) {
    return std::any_of(options.ignore.begin(), options.ignore.end(),
                       [&](const std::string& glob) { return isIgnored(glob, path, directory); });
  };
  pack(root, CheckedPath::root(), "", writer, work, packing, done);
  writer.finish();
  info.sha256 = digest.finish();
  info.created_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(
                        std::chrono::system_clock::now().time_since_epoch())
                        .count();
  info.bytes = done.bytes;
  info.entries = done.entries;
  info.skipped = done.skipped;
  info.taken = done.taken;
  Unfinished description(directory_.get());
  const std::string text =
      "sha256=" + info.sha256 + "\ncreated=" + std::to_string(info.created_ns) +
      "\nbytes=" + std::to_string(info.bytes) + "\nentries=" + std::to_string(info.entries) +
      "\nskipped=" + std::to_string(info.skipped) + "\ntaken=" + std::to_string(info.taken) +
      "\nname=" + info.name + '\n';
  writeAll(description.fd(), text.data(), text.size(), 0, "the backup");
  file.flush();
  description.flush();
  // A backup is there when both are. The archive comes last and goes first, so that what a kill in
  // between leaves is a description, which is small and in nobody's way until it is cleared away.
  const std::lock_guard lock(naming_mutex);
  description.finish(info.id + kInfo);
  try {
    file.finish(info.id + kArchive);
  } catch (...) {
    ::unlinkat(directory_.get(), (info.id + kInfo).c_str(), 0);
    throw;
  }
  return info;
}

void Backups::remove(const std::string& id) {
  const std::lock_guard lock(naming_mutex);
  (void)find(id);
  if (::unlinkat(directory_.get(), (id + kArchive).c_str(), 0) != 0 && errno != ENOENT)
    refuseErrno(errno, "the backup");
  ::unlinkat(directory_.get(), (id + kInfo).c_str(), 0);
  syncDirectory(directory_.get());
}

void Backups::keepNewest(std::size_t most, const std::string& spared) {
  if (most == 0) return;
  std::vector<BackupInfo> all = list();
  // The clock may have been set back since the others were made.
  std::stable_partition(all.begin(), all.end(),
                        [&](const BackupInfo& one) { return one.id != spared; });
  for (std::size_t i = 0; i + most < all.size(); ++i) try {
      remove(all[i].id);
    } catch (const Refusal&) {  // somebody else removed it, or it stays: the new one is made
    }
}

Descriptor Backups::open(const std::string& id) const {
  Descriptor archive =
      openBeneath(directory_.get(), (id + kArchive).c_str(), O_RDONLY, Links::kNone);
  if (!archive) throw Refusal("FILE_NOT_FOUND", "there is no backup '" + id + '\'');
  return archive;
}

Piece Backups::read(const std::string& id, std::int64_t offset, std::int64_t length) const {
  return readPiece(open(id).get(), "the backup", offset, length);
}

Archived Backups::restore(const std::string& id, const RestoreTo& to, const ArchiveWork& work,
                          const std::function<void(int directory)>& before_exchange) {
  const BackupInfo info = find(id);
  const Descriptor archive = open(id);
  Replacement replacement(to, server_id_, work.patience);
  if (info.taken > replacement.most()) refuseTaken("the backup", replacement.most());
  if (sha256(archive.get(), "the backup", work.patience) != info.sha256)
    throw Refusal("INVALID_STATE", "the backup '" + id +
                                       "' is damaged: its SHA-256 is not what it was when it was "
                                       "made; nothing was restored");
  ArchiveWork trusting = work;
  trusting.limits.ratio = 0;  // it is our own
  trusting.limits.taken = replacement.most();
  const Archived done = unpack(archive.get(), "the backup", replacement.fd(), trusting,
                               dressAsBefore, UnpackLinks::kMake);
  work.patience.check();
  before_exchange(replacement.fd());
  replacement.exchange();
  return done;
}

}  // namespace agent::files
