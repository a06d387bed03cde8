#pragma once

#include <gtest/gtest.h>

#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <libcontrol/types.h>

#include "engine/host_roots.h"
#include "support/temp_dir.h"

namespace control::engine::test {

namespace fs = std::filesystem;
using Object = Poco::JSON::Object::Ptr;

inline std::string contents(const fs::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

inline void write(const fs::path& path, std::string_view text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

/// One recorded container: its cgroups, beside the engine's own figures.
struct Recorded {
  explicit Recorded(const std::string& name)
      : root(fs::path(CONTROL_TEST_FIXTURES) / "cgroup-v2" / name) {
    answer = Poco::JSON::Parser().parse(contents(root / "answer.json")).extract<Object>();
    run.container.value = answer->getValue<std::string>("id");
    stats = answer->getObject("stats");
  }

  HostRoots roots() const { return {root / "proc", root / "cgroup"}; }
  int pid() const { return answer->getValue<int>("pid"); }

  fs::path root;
  Object answer;
  Object stats;
  RunId run;
};

/// A tree made by the test, for what was not recorded. The container's process is 7.
class MadeTree : public testing::Test {
 protected:
  MadeTree() { run_.container.value = std::string(64, 'c'); }

  std::string container() const { return run_.container.value; }
  std::string path() const { return "/docker/" + container(); }
  HostRoots roots() const { return {root_ / "proc", root_ / "cgroup"}; }

  void make(const std::string& cgroup_lines, const std::string& mount_lines) {
    write(root_ / "proc/7/cgroup", cgroup_lines);
    write(root_ / "proc/self/mountinfo", mount_lines);
  }
  void makeV2() {
    make("0::" + path() + "\n", "1 1 0:1 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
  }

  test_support::TempDir directory_;
  const fs::path root_ = directory_.path();
  RunId run_;
};

}  // namespace control::engine::test
