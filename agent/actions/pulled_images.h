#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include <libcontrol/types.h>

namespace agent {

/// The images that are on this host because a panel asked for them: only those may it remove. Kept
/// in a file of the state directory, a reference a line.
///
/// Threads: any. Blocking: as the disk does. Errors: none; what cannot be written is forgotten with
/// the process.
class PulledImages {
 public:
  explicit PulledImages(std::string state_dir);

  /// What was there before this agent asked for anything is not ours; only the first call counts.
  /// Until then nothing becomes ours.
  void setBefore(const std::vector<control::ImageInfo>& images);
  void add(const std::string& reference);
  void forget(const std::string& reference);
  bool contains(const std::string& reference) const;
  std::vector<std::string> all() const;

 private:
  void write() const;

  const std::string file_;
  mutable std::mutex mutex_;
  std::map<std::string, std::string> ours_;  ///< as they were asked for, by canonical name
  std::set<std::string> before_;
  bool before_is_known_ = false;
};

}  // namespace agent
