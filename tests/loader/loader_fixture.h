#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <libcontrol/loader.h>

#include "support/temp_dir.h"

namespace control::test {

namespace fs = std::filesystem;

/// A folder of this test alone with copies of the fixtures it uses, so that who may write to the
/// build tree does not matter.
class Loader : public ::testing::Test {
 protected:
  /// Where a fixture was copied to. Placing it again keeps the copy: it may be mapped already.
  fs::path place(const std::string& fixture) {
    const std::string name = "libcontrol-" + fixture + ".so";
    const fs::path target = folder() / name;
    if (fs::copy_file(fs::path(CONTROL_FIXTURE_PLUGIN_DIR) / name, target,
                      fs::copy_options::skip_existing))
      ::chmod(target.c_str(), 0644);
    return target;
  }

  Result<std::shared_ptr<ContainerRuntime>> load(const std::string& uri,
                                                 const fs::path& file) const {
    return loadRuntime(uri, {.plugin_file = file.string()});
  }

  Error failureOf(const std::string& fixture) {
    const auto runtime = load("good:///", place(fixture));
    if (!runtime) return runtime.error();
    ADD_FAILURE() << fixture << " was loaded";
    return {};
  }

  fs::path folder() const { return folder_.path(); }

 private:
  test_support::TempDir folder_;
};

}  // namespace control::test
