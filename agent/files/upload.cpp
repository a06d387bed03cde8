#include "agent/files/upload.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "agent/files/digest.h"
#include "agent/files/read.h"
#include "agent/files/staging.h"
#include "agent/files/temporary_name.h"
#include "agent/files/tree.h"
#include "agent/panel/refusal.h"

namespace agent::files {
namespace {

constexpr std::chrono::seconds kTidying{2};
/// Seconds: for as long whoever sent a piece is waited for.
constexpr time_t kAbandonedAfter = 60;
constexpr char kDisputed = '!';

/// What was left here before goes as far as that takes no time: others wait for the upload.
void tidyUp(const ServerRoot& root, const Patience& patience) {
  try {
    sweepStaging(root.fd(), patience.atMost(kTidying));
  } catch (const Refusal&) {
    patience.check();
  }
}

/// The hidden file of the upload to a path. All that is known of it stands in its name, for the
/// agents that come after: "u-<path>-<id>", with a "!" when others may send pieces of something
/// else without an id.
struct Part {
  std::string name{};  ///< empty: there is none
  std::string id{};
  bool disputed = false;
};

std::string prefixOf(const CheckedPath& path) { return "u-" + sha256(path.shown()).substr(0, 32); }

Part findPart(int staging, const std::string& prefix, const std::string& shown) {
  Part found;
  const int error = forEachName(staging, [&](const char* name) {
    std::string_view rest = name;
    if (!rest.starts_with(prefix)) return true;
    found.name = name;
    rest.remove_prefix(prefix.size());
    found.disputed = rest.ends_with(kDisputed);
    if (found.disputed) rest.remove_suffix(1);
    found.id = rest.substr(rest.starts_with('-') ? 1 : 0);
    return false;
  });
  if (error != 0) refuseErrno(error, shown);
  return found;
}

Descriptor openPart(int staging, const Part& part, int flags, const std::string& shown) {
  Descriptor file =
      openBeneath(staging, part.name.c_str(), O_RDWR | flags, Links::kNone, flags == 0 ? 0 : 0600);
  if (!file) refuseErrno(errno, shown);
  const struct stat status = statusOf(file.get());
  if (!isRegular(status) || status.st_nlink != 1)
    throw Refusal("PATH_FORBIDDEN", "the unfinished upload of '" + shown +
                                        "' was tampered with; delete it and begin again");
  return file;
}

std::int64_t sizeOf(const UploadPiece& piece) {
  return static_cast<std::int64_t>(piece.bytes->size());
}

/// Whether what is there already of the piece's place is what it brings.
bool agrees(int file, const UploadPiece& piece, const std::string& shown) {
  return piece.bytes->starts_with(readPiece(file, shown, piece.offset, sizeOf(piece)).bytes);
}

/// Whether whoever sent its pieces may still be at it, and goes on without an id.
bool mayGoOn(int staging, const Part& part) {
  struct stat status {};
  return ::fstatat(staging, part.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
         isRegular(status) && status.st_nlink == 1 &&
         ::time(nullptr) - status.st_mtime < kAbandonedAfter;
}

void rename(int staging, const Part& from, const Part& to, const std::string& shown) {
  if (::renameat(staging, from.name.c_str(), staging, to.name.c_str()) != 0)
    refuseErrno(errno, shown);
}

/// What was there stays as long as it is what this piece brings: it is all that tells the pieces of
/// one upload from those of another where neither has an id.
Part beginPart(int staging, const std::string& prefix, const Part& before, const UploadPiece& piece,
               const std::string& shown) {
  Part begun{.id = hexDigits(16)};
  begun.name = prefix + '-' + begun.id;
  if (before.name.empty()) return begun;
  if (!piece.last && mayGoOn(staging, before)) {
    const bool same = agrees(openPart(staging, before, 0, shown).get(), piece, shown);
    begun.disputed = before.disputed || !same;
    if (begun.disputed) begun.name += kDisputed;
    if (same) return rename(staging, before, begun, shown), begun;
  }
  ::unlinkat(staging, before.name.c_str(), 0);
  return begun;
}

/// From now on nobody goes on without an id.
void dispute(int staging, Part& part, const std::string& shown) {
  if (part.disputed) return;
  Part disputed = part;
  disputed.name += kDisputed;
  disputed.disputed = true;
  rename(staging, part, disputed, shown);
  part = std::move(disputed);
}

[[noreturn]] void refuseGap(std::int64_t there, const std::string& shown) {
  throw Refusal("INVALID_STATE", "of '" + shown + "' only " + std::to_string(there) +
                                     " bytes have arrived; go on from there");
}

[[noreturn]] void refuseDisputed(const std::string& shown) {
  throw Refusal("INVALID_STATE",
                "there is more than one upload to '" + shown +
                    "', and nothing tells which one this piece is of; begin again at 0, and give "
                    "the uploadId that is answered with each piece that follows");
}

void checkSum(int fd, const UploadPiece& piece, const std::string& shown,
              const Patience& patience) {
  if (!piece.sha256) return;
  const std::string found = sha256(fd, shown, patience);
  if (found != *piece.sha256)
    throw Refusal("INVALID_PAYLOAD", "what arrived of '" + shown + "' has the SHA-256 " + found +
                                         " and not " + *piece.sha256 + "; upload it again");
}

}  // namespace

Uploaded upload(const ServerRoot& root, const CheckedPath& path, const UploadPiece& piece,
                const Patience& patience) {
  if (path.isRoot()) (void)root.place(path);  // refuses
  const std::string shown = path.shown();
  if (piece.bytes && piece.offset == 0) checkTarget(root, path, piece.put, false);
  const Staging staging(root);
  if (piece.offset == 0) tidyUp(root, patience);
  const std::string prefix = prefixOf(path);
  Part part = findPart(staging.fd(), prefix, shown);
  const bool is_its_own = piece.id && !part.name.empty() && *piece.id == part.id;
  const bool begins = piece.bytes && piece.offset == 0 && !is_its_own;
  if (begins) part = beginPart(staging.fd(), prefix, part, piece, shown);
  if (!begins && piece.id && !is_its_own)
    throw Refusal("INVALID_STATE", "the upload to '" + shown +
                                       "' with this uploadId goes on no more: another one began, "
                                       "it ended, or nothing came for a day; begin again at 0");
  if (part.name.empty() && !piece.bytes) return {};
  if (part.name.empty()) refuseGap(0, shown);
  if (!begins && !is_its_own && part.disputed) refuseDisputed(shown);
  const Descriptor file = openPart(staging.fd(), part, begins ? O_CREAT : 0, shown);
  const std::int64_t there = statusOf(file.get()).st_size;
  if (!piece.bytes) return {there, part.id};
  if (piece.offset > there) refuseGap(there, shown);
  const std::int64_t end = piece.offset + sizeOf(piece);
  // Without an id nothing is changed or cut off: it might be another's.
  const bool same = agrees(file.get(), piece, shown);
  if (!same || (end < there && (is_its_own || piece.last))) dispute(staging.fd(), part, shown);
  if (!is_its_own && part.disputed && !begins) refuseDisputed(shown);
  if (is_its_own && ::ftruncate(file.get(), piece.offset) != 0) refuseErrno(errno, shown);
  writeAll(file.get(), piece.bytes->data(), piece.bytes->size(), piece.offset, shown);
  if (!piece.last) return {end, part.id};
  try {
    checkSum(file.get(), piece, shown, patience);
    const Place place = placeFor(root, path, piece.put);
    putFile(root, file.get(), staging.fd(), part.name, place, piece.put.overwrite, shown);
  } catch (const Refusal& refusal) {
    if (refusal.code() == "INVALID_PAYLOAD") ::unlinkat(staging.fd(), part.name.c_str(), 0);
    throw;
  }
  return {end, {}};
}

}  // namespace agent::files
