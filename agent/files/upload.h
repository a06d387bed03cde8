#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "agent/files/change.h"

namespace agent::files {

/// One piece of an upload: bytes at an offset of a hidden file, which the last piece puts in its
/// place. The hidden file outlives the agent and is forgotten after a day without a new piece.
struct UploadPiece {
  std::optional<std::string> bytes{};  ///< absent: only asks how far it is
  std::int64_t offset = 0;             ///< with an id, what lies beyond it is written anew
  bool last = false;
  std::optional<std::string> sha256{};  ///< of the whole, looked at with the last piece
  std::optional<std::string> id{};      ///< of the upload that it belongs to, as it was answered
  PutOptions put{};
};

struct Uploaded {
  std::int64_t bytes = 0;  ///< that are there now; with the last piece, the file's size
  std::string id{};        ///< of the upload, by which its pieces are known; empty: none goes on
};

/// A piece at 0 begins anew, and the upload to that path that went on before ends, unless its id
/// says that it is the same. A piece without an id is taken for one of the upload that goes on as
/// long as there is no sign of a second: that what came again was something else. It changes
/// nothing that is there, so that such a sign is not lost.
///
/// INVALID_STATE: the offset lies beyond what has arrived, or the piece is of another upload, or
/// may be. INVALID_PAYLOAD: the checksum is another; the upload starts over.
Uploaded upload(const ServerRoot& root, const CheckedPath& path, const UploadPiece& piece,
                const Patience& patience);

}  // namespace agent::files
