#pragma once

#include <string>

#include <gtest/gtest.h>

#include "unit/agent/files/file_agent.h"

namespace agent {

/// Tests of what an agent does with the files of server `a`.
class OnFilesOfA : public testing::Test {
 protected:
  /// On the host.
  std::string path(const std::string& name) const { return agent_.root() + '/' + name; }

  FileAgent agent_;
};

}  // namespace agent
