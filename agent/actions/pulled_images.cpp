#include "agent/actions/pulled_images.h"

#include <filesystem>
#include <fstream>
#include <system_error>

namespace agent {

PulledImages::PulledImages(std::string state_dir) : file_(std::move(state_dir) + "/pulled-images") {
  std::ifstream file(file_);
  for (std::string line; std::getline(file, line);)
    if (!line.empty()) ours_.insert(line);
}

void PulledImages::setBefore(const std::vector<control::ImageInfo>& images) {
  const std::lock_guard lock(mutex_);
  if (before_is_known_) return;
  before_is_known_ = true;
  for (const control::ImageInfo& image : images)
    for (const std::string& reference : image.references)
      if (!ours_.contains(reference)) before_.insert(reference);
}

void PulledImages::add(const std::string& reference) {
  const std::lock_guard lock(mutex_);
  if (before_.contains(reference) || !ours_.insert(reference).second) return;
  write();
}

void PulledImages::forget(const std::string& reference) {
  const std::lock_guard lock(mutex_);
  if (ours_.erase(reference) > 0) write();
}

bool PulledImages::contains(const std::string& reference) const {
  const std::lock_guard lock(mutex_);
  return ours_.contains(reference);
}

std::vector<std::string> PulledImages::all() const {
  const std::lock_guard lock(mutex_);
  return {ours_.begin(), ours_.end()};
}

/// With mutex_ held. Whole or not at all.
void PulledImages::write() const {
  const std::string next = file_ + ".next";
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::path(file_).parent_path(), ignored);
  std::ofstream file(next, std::ios::trunc);
  for (const std::string& reference : ours_) file << reference << '\n';
  file.close();
  if (file)
    std::filesystem::rename(next, file_, ignored);
  else
    std::filesystem::remove(next, ignored);
}

}  // namespace agent
