#include "agent/files/upload.h"

#include <fcntl.h>
#include <stdio.h>
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

Part findPart(int staging, const std::string& prefix) {
  Part found;
  forEachName(staging, [&](const char* name) {
    std::string_view rest = name;
    if (!rest.starts_with(prefix)) return true;
    found.name = name;
    rest.remove_prefix(prefix.size());
    found.disputed = rest.ends_with(kDisputed);
    if (found.disputed) rest.remove_suffix(1);
    found.id = rest.substr(rest.starts_with('-') ? 1 : 0);
    return false;
  });
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

/// Whether what is there already is what the piece brings.
bool agrees(int file, const UploadPiece& piece, const std::string& shown) {
  const auto size = static_cast<std::int64_t>(piece.bytes->size());
  return piece.bytes->starts_with(readPiece(file, shown, piece.offset, size).bytes);
}

/// Whoever sent the pieces before may go on without an id: then nobody else may.
Part beginPart(int staging, const std::string& prefix, const Part& before, const UploadPiece& piece,
               const std::string& shown) {
  Part begun{.id = hexDigits(16)};
  if (!before.name.empty()) {
    begun.disputed =
        before.disputed || !agrees(openPart(staging, before, 0, shown).get(), piece, shown);
    ::unlinkat(staging, before.name.c_str(), 0);
  }
  begun.name = prefix + '-' + begun.id;
  if (begun.disputed) begun.name += kDisputed;
  return begun;
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
  Part part = findPart(staging.fd(), prefix);
  const bool is_its_own = piece.id && *piece.id == part.id;
  const bool begins = piece.bytes && piece.offset == 0 && !is_its_own;
  if (begins) part = beginPart(staging.fd(), prefix, part, piece, shown);
  if (!begins && piece.id && !is_its_own)
    throw Refusal("INVALID_STATE", "the upload to '" + shown +
                                       "' with this uploadId goes on no more: another one began, "
                                       "it ended, or nothing came for a day; begin again at 0");
  if (part.name.empty() && !piece.bytes) return {};
  if (part.name.empty()) refuseGap(0, shown);
  if (!begins && !is_its_own && part.disputed) refuseDisputed(shown);
  const Descriptor file = openPart(staging.fd(), part, begins ? O_CREAT | O_EXCL : 0, shown);
  const std::int64_t there = statusOf(file.get()).st_size;
  if (!piece.bytes) return {there, part.id};
  if (piece.offset > there) refuseGap(there, shown);
  if (!is_its_own && !agrees(file.get(), piece, shown)) {
    const std::string disputed = part.name + kDisputed;
    ::renameat(staging.fd(), part.name.c_str(), staging.fd(), disputed.c_str());
    refuseDisputed(shown);
  }
  if (::ftruncate(file.get(), piece.offset) != 0) refuseErrno(errno, shown);
  writeAll(file.get(), piece.bytes->data(), piece.bytes->size(), piece.offset, shown);
  const std::int64_t end = piece.offset + static_cast<std::int64_t>(piece.bytes->size());
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
