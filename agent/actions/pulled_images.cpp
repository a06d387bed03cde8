#include "agent/actions/pulled_images.h"

#include <filesystem>
#include <fstream>
#include <system_error>

#include "agent/actions/image_reference.h"

namespace agent {

PulledImages::PulledImages(std::string state_dir) : file_(std::move(state_dir) + "/pulled-images") {
  std::ifstream file(file_);
  for (std::string line; std::getline(file, line);)
    if (!line.empty()) ours_.emplace(canonicalReference(line), line);
}

void PulledImages::setBefore(const std::vector<control::ImageInfo>& images) {
  const std::lock_guard lock(mutex_);
  if (before_is_known_) return;
  before_is_known_ = true;
  for (const control::ImageInfo& image : images)
    for (const std::string& reference : image.references) {
      std::string name = canonicalReference(reference);
      if (!ours_.contains(name)) before_.insert(std::move(name));
    }
}

void PulledImages::add(const std::string& reference) {
  const std::lock_guard lock(mutex_);
  const std::string name = canonicalReference(reference);
  if (!before_is_known_ || before_.contains(name)) return;
  if (ours_.emplace(name, reference).second) write();
}

void PulledImages::forget(const std::string& reference) {
  const std::lock_guard lock(mutex_);
  if (ours_.erase(canonicalReference(reference)) > 0) write();
}

bool PulledImages::contains(const std::string& reference) const {
  const std::lock_guard lock(mutex_);
  return ours_.contains(canonicalReference(reference));
}

std::vector<std::string> PulledImages::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> all;
  for (const auto& [name, reference] : ours_) all.push_back(reference);
  return all;
}

/// With mutex_ held. Whole or not at all.
void PulledImages::write() const {
  const std::string next = file_ + ".next";
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::path(file_).parent_path(), ignored);
  std::ofstream file(next, std::ios::trunc);
  for (const auto& [name, reference] : ours_) file << reference << '\n';
  file.close();
  if (file)
    std::filesystem::rename(next, file_, ignored);
  else
    std::filesystem::remove(next, ignored);
}

}  // namespace agent
