#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <libcontrol/result.h>
#include <libcontrol/streams.h>
#include <libcontrol/types.h>

namespace control::mock {

bool isReference(std::string_view reference);
/// kInvalidArgument: it is none.
Result<void> checkReference(const std::string& reference);

/// "a/b:c@d" holds `word` as a whole part of its path, tag and digest aside.
bool hasPart(std::string_view reference, std::string_view word);

std::string imageId(const std::string& reference, bool with_algorithm);

/// What is known of an image beside its name.
struct ImageFacts {
  bool present = true;
  std::optional<Signal> stop_signal{};
  std::int64_t size_bytes = 50 << 20;
};

/// The images of an engine's host. What nobody said anything about goes by its name: it is there,
/// unless a part of its path is "missing" or "private", or its name holds "pullable".
class Images {
 public:
  explicit Images(bool ids_with_algorithm) : ids_with_algorithm_(ids_with_algorithm) {}

  bool present(const std::string& reference) const;
  /// kImageNotFound, kInvalidArgument.
  Result<ImageInfo> find(const std::string& reference) const;
  std::optional<Signal> stopSignal(const std::string& reference) const;
  std::string idOf(const std::string& reference) const {
    return imageId(reference, ids_with_algorithm_);
  }
  void describe(const std::string& reference, const ImageFacts& facts) {
    known_.insert_or_assign(reference, facts);
  }
  void setPresent(const std::string& reference, bool there) { known_[reference].present = there; }
  void clear() { known_.clear(); }
  /// Those that are there and that somebody spoke of.
  std::vector<ImageInfo> list() const;

  /// What a registry would answer to a pull.
  static Result<void> checkPull(const std::string& reference, const PullOptions& options);

 private:
  const bool ids_with_algorithm_;
  std::map<std::string, ImageFacts> known_;
};

}  // namespace control::mock
