// Work that takes long: its time, and its end when it is cancelled.

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <filesystem>

#include <gtest/gtest.h>

#include "agent/files/archive.h"
#include "agent/files/change.h"
#include "agent/files/read.h"
#include "unit/agent/files/file_agent_fixture.h"
#include "unit/agent/protocol/refused.h"

namespace agent {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

/// Tells that something happened in a folder.
class Happening {
 public:
  Happening(const std::string& folder, std::uint32_t what) : notify_(::inotify_init1(IN_CLOEXEC)) {
    EXPECT_GE(::inotify_add_watch(notify_.get(), folder.c_str(), what), 0) << folder;
  }
  /// Within a generous time.
  void wait() const {
    pollfd ready{.fd = notify_.get(), .events = POLLIN, .revents = 0};
    EXPECT_EQ(::poll(&ready, 1, 30'000), 1);
  }

 private:
  Descriptor notify_;
};

class LongWork : public OnFilesOfA {
 protected:
  /// So many names of one file.
  void layLinks(const std::string& folder, const std::string& content, int names) const {
    fs::create_directory(path(folder));
    writeFileAt(path(folder + "/0"), content);
    for (int i = 1; i < names; ++i)
      fs::create_hard_link(path(folder + "/0"), path(folder + '/' + std::to_string(i)));
  }
  void layFolders(const std::string& folder, int folders) const {
    fs::create_directory(path(folder));
    for (int i = 0; i < folders; ++i) fs::create_directory(path(folder + '/' + std::to_string(i)));
  }
  /// Gigabytes to look through, in a few megabytes.
  void layText() const {
    std::string text;
    while (text.size() < std::size_t{8} << 20) text += "a line that is not looked for\n";
    layLinks("logs", text, 1000);
  }
  /// How it ends when it is cancelled as soon as `begun` happened.
  std::string cancelled(const std::string& action, const std::string& payload,
                        const Happening& begun) {
    const std::string id = agent_.send(action, payload);
    begun.wait();
    const Json answer = agent_.ask("cancel_operation", R"({"commandId":")" + id + "\"}");
    EXPECT_EQ(at(answer, "data.cancelled"), "true") << action;
    return outcome(agent_.response(id));
  }
  std::size_t entriesIn(const std::string& folder) const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(path(folder)), fs::directory_iterator{}));
  }
  bool staging() const { return fs::exists(path(".ctrl-alt-play")); }
};

TEST_F(LongWork, ASearchTellsWhatItFoundInItsTime) {
  layText();
  const auto began = std::chrono::steady_clock::now();
  const Json found = agent_.ask("search_files", R"({"content":"needle","timeout":0.1})");
  EXPECT_LT(std::chrono::steady_clock::now() - began, 5s);
  EXPECT_EQ(at(found, "data.complete"), "false") << found.write();
  EXPECT_LT(std::stoi(at(found, "data.searched")), 1000);
}

TEST_F(LongWork, ASearchIsCancelled) {
  layText();
  const Happening read(path("logs"), IN_ACCESS);
  EXPECT_EQ(cancelled("search_files", R"({"content":"needle","timeout":60})", read),
            "INVALID_STATE");
}

TEST_F(LongWork, ACopyThatIsCancelledLeavesNothing) {
  layLinks("world", std::string(4096, 'w'), 20'000);
  const Happening read(path("world"), IN_OPEN);
  EXPECT_EQ(cancelled("copy_file", R"({"source":"world","destination":"copy"})", read),
            "INVALID_STATE");
  EXPECT_FALSE(fs::exists(path("copy")));
  EXPECT_FALSE(staging());
  EXPECT_EQ(entriesIn("world"), 20'000U);
}

/// What is gone is gone; the rest stays.
TEST_F(LongWork, ADeletionThatIsCancelledStops) {
  layFolders("world", 8'000);
  const Happening removed(path("world"), IN_DELETE);
  EXPECT_EQ(cancelled("delete_file", R"({"path":"world"})", removed), "INVALID_STATE");
  EXPECT_GT(entriesIn("world"), 0U);
  EXPECT_EQ(outcome(agent_.ask("delete_file", R"({"path":"world"})")), "ok");
}

TEST_F(LongWork, NothingIsKeptOfWhatTakesTooLong) {
  layLinks("world", std::string(4096, 'w'), 100);
  writeFileAt(path("large"), std::string(8 << 20, 'l'));
  ASSERT_EQ(outcome(agent_.ask("create_archive", R"({"path":"world","destination":"world.tar"})")),
            "ok");
  const auto root = files::ServerRoot::open(fs::path(agent_.root()).parent_path(), "a");
  const auto parsed = [](const char* text) { return files::CheckedPath::parse(text); };
  const files::Patience none({}, 0s);
  const auto code = [](const auto& call) { return refused(call).substr(0, 7); };
  const files::ArchiveWork work{.patience = none};
  EXPECT_EQ(code([&] { files::copy(root, parsed("world"), parsed("copy"), {}, {none}); }),
            "TIMEOUT");
  EXPECT_EQ(code([&] { files::copy(root, parsed("large"), parsed("copy"), {}, {none}); }),
            "TIMEOUT");
  EXPECT_EQ(code([&] { files::remove(root, parsed("world"), true, none); }), "TIMEOUT");
  EXPECT_EQ(code([&] { files::sha256(root, parsed("large"), none); }), "TIMEOUT");
  EXPECT_EQ(code([&] {
              files::createArchive(root, parsed("/"), {parsed("world")}, parsed("copy"),
                                   files::ArchiveFormat::kTar, {}, work);
            }),
            "TIMEOUT");
  EXPECT_EQ(
      code([&] { files::extractArchive(root, parsed("world.tar"), parsed("copy"), {}, work); }),
      "TIMEOUT");
  EXPECT_FALSE(fs::exists(path("copy")));
  EXPECT_FALSE(staging());
  EXPECT_EQ(entriesIn("world"), 100U);
}

}  // namespace
}  // namespace agent
