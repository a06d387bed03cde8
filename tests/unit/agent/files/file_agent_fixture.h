#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "unit/agent/files/file_agent.h"

namespace agent {

/// Tests of what an agent does with the files of server `a`.
class OnFilesOfA : public testing::Test {
 protected:
  /// On the host.
  std::string path(const std::string& name) const { return agent_.root() + '/' + name; }

  /// Folders `/deep/d/d/…`, so many, with something before and behind each in its order.
  void makeDeep(std::size_t levels) const {
    std::string at = path("deep");
    for (std::size_t i = 0; i < levels; ++i, at += "/d") {
      std::filesystem::create_directory(at);
      for (const char* name : {"/a", "/z"}) writeFileAt(at + name, std::to_string(i));
      std::filesystem::create_directory(at + "/s");
    }
  }

  FileAgent agent_;
};

}  // namespace agent
