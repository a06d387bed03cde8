#pragma once

#include <memory>
#include <optional>
#include <string>

#include <libcontrol/result.h>
#include <libcontrol/streams.h>

#include "engine/framing.h"
#include "engine/http_client.h"

namespace control::docker {

/// The output of a process as it arrives: framed, or raw from a terminal. Bytes in, Output out.
class OutputDecoder {
 public:
  OutputDecoder(bool tty, bool timestamps) : tty_(tty), timestamps_(timestamps) {}

  void feed(std::string_view bytes);

  /// Nullopt: more bytes are needed. kInternal: these are no frames.
  Result<std::optional<Output>> next();

  /// Whether the stream may end here; a terminal's may anywhere.
  bool mayEnd() const noexcept;

 private:
  using Piece = engine::FrameSplitter::Piece;

  Result<std::optional<Output>> nextFramed();
  std::optional<Output> nextRaw();
  Result<std::optional<Piece>> takePiece();
  /// Cuts the time stamp off the front of `bytes`; false: it is not complete yet.
  bool cutStamp(std::string& bytes);

  const bool tty_;
  const bool timestamps_;
  engine::FrameSplitter frames_{};
  std::optional<Piece> held_{};  ///< read ahead, of another source
  std::string raw_{};            ///< a terminal's bytes not yet handed on
  std::string stamp_{};          ///< an incomplete time stamp
  std::optional<WallTime> at_{};
  bool in_stamp_ = true;
};

/// A connection with an OutputDecoder on it: what logs, attach and exec have in common.
class OutputReader {
 public:
  OutputReader(std::unique_ptr<engine::HttpStream> http, bool tty, bool timestamps)
      : http_(std::move(http)), decoder_(tty, timestamps) {}

  /// As Stream::next.
  Result<std::optional<Output>> next(const CallContext& context);

  bool ended() const noexcept { return ended_; }
  engine::HttpStream& http() noexcept { return *http_; }
  const engine::HttpStream& http() const noexcept { return *http_; }

 private:
  void keepReadable(bool on) noexcept;

  const std::unique_ptr<engine::HttpStream> http_;
  OutputDecoder decoder_;
  bool readable_ = false;
  bool ended_ = false;
};

}  // namespace control::docker
