#pragma once

#include <fcntl.h>

#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "agent/files/archive_stream.h"
#include "unit/agent/files/file_agent.h"

namespace agent {

/// Tries to reach what lies outside the directory of server `a`.
class RootedTest : public testing::Test {
 protected:
  /// The server's directory as every attempt finds it.
  void layOut() {
    for (const std::filesystem::directory_entry& entry :
         std::filesystem::directory_iterator(agent_.root()))
      std::filesystem::remove_all(entry.path());
    std::filesystem::create_directories(agent_.root() + "/folder/in");
    writeFileAt(agent_.root() + "/plain", "plain");
    writeFileAt(agent_.root() + "/folder/in/file", "inner");
    if (archive_.empty()) {
      EXPECT_EQ(
          outcome(agent_.ask("create_archive", R"({"path":"folder","destination":"folder.zip"})")),
          "ok");
      archive_ = readFileAt(agent_.root() + "/folder.zip");
    }
    writeFileAt(agent_.root() + "/folder.zip", archive_);
  }

  void expectUntouched(const std::string& attempt) {
    EXPECT_EQ(agent_.fingerprintOfOutside(), before_) << attempt;
    EXPECT_FALSE(agent_.leaked()) << attempt;
  }

  /// Accepts a long action and returns its end.
  Json finish(const std::string& action, const std::string& payload) {
    const std::string id = agent_.send(action, payload);
    const Json accepted = agent_.response(id);
    return outcome(accepted) == "ok" ? agent_.completed(id) : accepted;
  }
  /// In the files of the server themselves, through no link.
  bool holdsASecret() const {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(agent_.root()))
      if (entry.is_regular_file() && !entry.is_symlink() &&
          readFileAt(entry.path()).find(FileAgent::kSecret) != std::string::npos)
        return true;
    return false;
  }

  /// In a backup.
  bool holdsASecret(const std::string& id) const {
    const std::string path = agent_.backups() + "/a/" + id + ".tar.zst";
    const Descriptor archive(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    const files::Patience patience;
    files::ArchiveReader reader(archive.get(), id, patience);
    bool found = false;
    while (reader.next())
      while (const auto block = reader.nextBlock())
        found = found || std::string_view(static_cast<const char*>(block->bytes), block->size)
                                 .find(FileAgent::kSecret) != std::string_view::npos;
    return found;
  }

  FileAgent agent_;
  std::string archive_;
  const std::string before_ = agent_.fingerprintOfOutside();
};

}  // namespace agent
