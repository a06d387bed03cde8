#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>

#include <libcontrol/result.h>
#include <libcontrol/streams.h>

#include "engine/framing.h"
#include "engine/http_client.h"

namespace control::engine {

/// How an engine sends the output of a process.
struct OutputForm {
  bool tty = false;
  bool framed = true;  ///< in frames that name the source, else raw
  bool timestamps = false;
  /// Longer lines come in frames of so many bytes with one time stamp; 0: each frame has its own.
  std::size_t split_bytes = 0;
};

/// The output of a process as it arrives. Bytes in, Output out.
class OutputDecoder {
 public:
  explicit OutputDecoder(const OutputForm& form) : form_(form) {}

  void feed(std::string_view bytes);

  /// Nullopt: more bytes are needed. kInternal: these are no frames.
  Result<std::optional<Output>> next();

  /// Whether the stream may end here; a raw one may anywhere.
  bool mayEnd() const noexcept;

 private:
  using Piece = FrameSplitter::Piece;

  Result<std::optional<Output>> nextFramed();
  std::optional<Output> nextRaw();
  Result<std::optional<Piece>> takePiece();
  /// Cuts the time stamp off the front of `bytes`; false: it is not complete yet.
  bool cutStamp(std::string& bytes);

  /// What has come with the latest time stamp of a source.
  struct Stamped {
    std::optional<WallTime> at{};
    std::size_t bytes = 0;
    bool line_ended = true;
  };
  std::optional<Output> missingLineEnd(OutputSource source);

  const OutputForm form_;
  FrameSplitter frames_{};
  std::array<Stamped, 2> stamped_{};  ///< of stdout and stderr
  std::optional<Output> next_{};      ///< to be handed on next
  std::optional<Piece> held_{};       ///< read ahead, of another source
  std::string raw_{};                 ///< raw bytes not yet handed on
  std::string stamp_{};               ///< an incomplete time stamp
  std::optional<WallTime> at_{};
  bool in_stamp_ = true;
};

/// A connection with an OutputDecoder on it: what logs, attach and exec have in common.
class OutputReader {
 public:
  OutputReader(std::unique_ptr<HttpStream> http, const OutputForm& form)
      : http_(std::move(http)), decoder_(form) {}

  /// As Stream::next.
  Result<std::optional<Output>> next(const CallContext& context);

  bool ended() const noexcept { return ended_; }
  HttpStream& http() noexcept { return *http_; }
  const HttpStream& http() const noexcept { return *http_; }

 private:
  void keepReadable(bool on) noexcept;

  const std::unique_ptr<HttpStream> http_;
  OutputDecoder decoder_;
  bool readable_ = false;
  bool ended_ = false;
};

}  // namespace control::engine
