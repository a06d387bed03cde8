#pragma once

#include <fcntl.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "agent/files/unpack.h"
#include "unit/agent/files/file_agent_fixture.h"
#include "unit/agent/protocol/refused.h"

namespace agent {

class Archives : public OnFilesOfA {
 protected:
  Archives() {
    writeFileAt(path("kept"), "kept");
    before_ = tree();
  }

  /// Everything in the server's directory but archives.
  std::string tree() const {
    std::vector<std::string> lines;
    for (const std::filesystem::directory_entry& entry :
         std::filesystem::recursive_directory_iterator(agent_.root())) {
      const std::string name = entry.path().string().substr(agent_.root().size());
      if (name.starts_with("/evil.") || name.starts_with("/big")) continue;
      lines.push_back(name + (entry.is_regular_file() ? ' ' + readFileAt(entry.path()) : "/"));
    }
    std::sort(lines.begin(), lines.end());
    std::string all;
    for (const std::string& line : lines) all += line + '\n';
    return all;
  }
  Json extract(const std::string& name, const std::string& more = "") {
    return agent_.ask("extract_archive", R"({"path":")" + name + '"' + more + "}");
  }
  /// Why evil.tar is refused; empty: it is not.
  std::string unpackWith(const files::ArchiveLimits& limits) {
    const Descriptor archive(::open(path("evil.tar").c_str(), O_RDONLY | O_CLOEXEC));
    std::filesystem::create_directory(path("evil.out"));
    const Descriptor to(::open(path("evil.out").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const files::ArchiveWork work{.limits = limits};
    const std::string why = refused([&] {
      files::unpack(archive.get(), "/evil.tar", to.get(), work,
                    [](int, const files::ArchiveEntry&) {});
    });
    std::filesystem::remove_all(path("evil.out"));
    return why;
  }
  /// Extracts and expects to be refused with everything as it was.
  void expectRefused(const std::string& name, const std::string& code) {
    const Json refused = extract(name);
    EXPECT_EQ(outcome(refused), code) << refused.write();
    EXPECT_EQ(tree(), before_) << name;
    EXPECT_EQ(agent_.fingerprintOfOutside(), outside_before_) << name;
  }

  std::string before_;
  const std::string outside_before_ = agent_.fingerprintOfOutside();
};

}  // namespace agent
