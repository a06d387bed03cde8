#pragma once

#include <map>
#include <string>
#include <string_view>

#include <libcontrol/result.h>
#include <libcontrol/streams.h>
#include <libcontrol/types.h>

namespace control::mock {

bool isReference(std::string_view reference);

/// "a/b:c@d" holds `word` as a whole part of its path, tag and digest aside.
bool hasPart(std::string_view reference, std::string_view word);

std::string imageId(const std::string& reference);

/// The images of an engine's host. What nobody said anything about goes by its name: it is there,
/// unless a part of its path is "missing" or "private", or its name holds "pullable".
class Images {
 public:
  bool present(const std::string& reference) const;
  /// kImageNotFound, kInvalidArgument.
  Result<ImageInfo> find(const std::string& reference) const;
  void set(const std::string& reference, bool there) { known_.insert_or_assign(reference, there); }
  void clear() { known_.clear(); }

  /// What a registry would answer to a pull.
  static Result<void> checkPull(const std::string& reference, const PullOptions& options);

 private:
  std::map<std::string, bool> known_;
};

}  // namespace control::mock
