// Nothing outside a server's directory is reached, whatever lies in it.

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "agent/actions/action.h"
#include "unit/agent/files/rooted_fixture.h"
#include "unit/agent/files/samples.h"

namespace agent {
namespace {

namespace fs = std::filesystem;

TEST_F(RootedTest, EveryActionHasSamples) {
  std::set<std::string_view> sampled;
  for (const Sample& sample : samples()) sampled.insert(sample.action);
  for (const Action& action : actions()) {
    if (!action.on_files) continue;
    EXPECT_TRUE(sampled.contains(action.name)) << action.name << " is missing in samples.h";
  }
}

TEST_F(RootedTest, NoSymbolicLinkLeadsOutAtAnyDepthOrPosition) {
  const std::string outside = agent_.outside();
  const std::vector<std::string> targets = {outside,
                                            outside + "/secret",
                                            outside + "/not-there",
                                            "OUT",
                                            "OUT/secret",
                                            "/proc/self/root",
                                            "/proc/self/cwd",
                                            "../ab",
                                            "../ab/secret",
                                            "/",
                                            "folder/../../../outside",
                                            "other-link"};
  const std::vector<std::string> depths = {"", "d1", "d1/d2", "d1/d2/d3/d4/d5/d6"};
  for (const std::string& depth : depths) {
    for (std::string target : targets) {
      const auto levels = static_cast<std::size_t>(std::count(depth.begin(), depth.end(), '/')) +
                          (depth.empty() ? 2 : 3);
      std::string up;
      for (std::size_t i = 0; i < levels; ++i) up += "../";
      if (target.starts_with("OUT")) target = up + "outside" + target.substr(3);
      for (const Sample& sample : samples()) {
        if (!hasPath(sample)) continue;
        for (const char* rest : {"", "/secret", "/deep/secret", "/deep", "/new", "/new/newer"}) {
          layOut();
          const std::string at = depth.empty() ? "" : depth + '/';
          fs::create_directories(agent_.root() + '/' + at);
          fs::create_symlink(target, agent_.root() + '/' + at + "link");
          fs::create_symlink(outside, agent_.root() + '/' + at + "other-link");
          const std::string path = '/' + at + "link" + rest;
          const Json response = agent_.ask(std::string(sample.action), payloadFor(sample, path));
          const std::string attempt = std::string(sample.action) + ' ' + payloadFor(sample, path) +
                                      " with link -> " + target + ": " + response.write();
          const bool on_link = sample.on_links_themselves && *rest == '\0';
          EXPECT_TRUE(on_link || outcome(response) != "ok") << attempt;
          if (HasFailure()) return expectUntouched(attempt);
        }
      }
      expectUntouched("link -> " + target);
      if (HasFailure()) return;
    }
  }
}

TEST_F(RootedTest, BackupsHoldLinksThemselvesAndAreRestoredThroughNone) {
  layOut();
  const std::string outside = agent_.outside();
  const std::vector<std::string> targets = {outside,
                                            outside + "/secret",
                                            outside + "/deep",
                                            outside + "/not-there",
                                            "/proc/self/root",
                                            "../ab",
                                            "../ab/secret",
                                            "/",
                                            "../../outside/deep/er"};
  std::map<std::string, std::string> links;
  for (const char* depth : {"/", "/d1/", "/d1/d2/d3/d4/d5/d6/"}) {
    fs::create_directories(agent_.root() + depth);
    for (const std::string& target : targets) {
      const std::string link = depth + std::string("link-") + std::to_string(links.size());
      fs::create_symlink(target, agent_.root() + link);
      links[link] = target;
    }
  }
  ASSERT_EQ(at(finish("create_backup", R"({"backupId":"b"})"), "data.success"), "true");
  // Folders of the backup are links by now, and links folders.
  fs::remove_all(agent_.root() + "/folder");
  fs::create_symlink(outside, agent_.root() + "/folder");
  fs::remove_all(agent_.root() + "/d1");
  fs::create_symlink(outside + "/deep", agent_.root() + "/d1");
  fs::remove(agent_.root() + "/link-0");
  fs::create_directories(agent_.root() + "/link-0/in");
  const Json restored = finish("restore_backup", R"({"backupId":"b"})");
  ASSERT_EQ(at(restored, "data.success"), "true") << restored.write();
  for (const auto& [link, target] : links)
    EXPECT_EQ(fs::read_symlink(agent_.root() + link), target) << link;
  EXPECT_EQ(readFileAt(agent_.root() + "/folder/in/file"), "inner");
  EXPECT_FALSE(holdsASecret());
  expectUntouched("a backup with links");
}

TEST_F(RootedTest, LinksThatStayInsideAreFollowedOnTheWayAndNeverAtTheEnd) {
  layOut();
  fs::create_symlink("folder/in", agent_.root() + "/inside");
  EXPECT_EQ(at(agent_.ask("read_file", R"({"path":"inside/file"})"), "data.content"), "inner");
  EXPECT_EQ(outcome(agent_.ask("write_file", R"({"path":"inside/new","content":"n"})")), "ok");
  EXPECT_EQ(readFileAt(agent_.root() + "/folder/in/new"), "n");
  fs::create_symlink("plain", agent_.root() + "/alias");
  EXPECT_EQ(outcome(agent_.ask("read_file", R"({"path":"alias"})")), "PATH_FORBIDDEN");
  EXPECT_EQ(outcome(agent_.ask("write_file", R"({"path":"alias","content":"x"})")),
            "PATH_FORBIDDEN");
  EXPECT_EQ(outcome(agent_.ask("delete_file", R"({"path":"alias"})")), "ok");
  EXPECT_EQ(readFileAt(agent_.root() + "/plain"), "plain");
}

TEST_F(RootedTest, HostilePathsAreRefused) {
  layOut();
  const std::string long_name(256, 'n');
  std::string long_path;
  while (long_path.size() <= 4096) long_path += "abcdefg/";
  for (const std::string& path :
       {std::string("../ab/secret"), std::string("/../ab/secret"), std::string("folder/../../ab"),
        std::string(".."), std::string("folder/.."), std::string("//..//ab"),
        agent_.outside() + "/../outside/secret", std::string(".ctrl-alt-play"),
        std::string("/./.ctrl-alt-play/x"), long_name, long_path, std::string("a\\u0000b")}) {
    for (const Sample& sample : samples()) {
      if (!hasPath(sample)) continue;
      const std::string got =
          outcome(agent_.ask(std::string(sample.action), payloadFor(sample, path)));
      EXPECT_TRUE(got == "PATH_FORBIDDEN" || got == "INVALID_PAYLOAD")
          << sample.action << ' ' << path << ' ' << got;
    }
  }
  // What looks absolute is looked for below the server's directory.
  for (const Sample& sample : samples()) {
    if (!hasPath(sample)) continue;
    const std::string got = outcome(agent_.ask(
        std::string(sample.action), payloadFor(sample, agent_.outside() + "/deep/../x")));
    EXPECT_EQ(got, "PATH_FORBIDDEN") << sample.action;
  }
  expectUntouched("hostile paths");
}

TEST_F(RootedTest, HardLinksAreNotWrittenThrough) {
  layOut();
  const std::string target = agent_.outside() + "/hard";
  writeFileAt(target, "hard");
  fs::create_hard_link(target, agent_.root() + "/hard");
  const std::string before = agent_.fingerprintOfOutside();
  for (const char* action : {"write_file", "upload_file", "set_file_permissions"}) {
    for (const Sample& sample : samples()) {
      if (!hasPath(sample)) continue;
      if (sample.action != action) continue;
      EXPECT_EQ(outcome(agent_.ask(action, payloadFor(sample, "hard"))), "PATH_FORBIDDEN")
          << sample.payload;
    }
  }
  EXPECT_EQ(outcome(agent_.ask("copy_file",
                               R"({"source":"plain","destination":"hard","overwrite":true})")),
            "PATH_FORBIDDEN");
  EXPECT_EQ(agent_.fingerprintOfOutside(), before);
}

/// Exchanges directories with symbolic links while backups are made and restored: half of them lead
/// outside, and half to what is left out, where RESOLVE_BENEATH would let them go.
TEST_F(RootedTest, AnExchangeOfADirectoryForALinkPutsNothingIntoABackup) {
  constexpr int kPairs = 40;
  constexpr int kBackups = 100;
  layOut();
  const std::string hidden = agent_.root() + "/hidden";
  const auto hide = [&] {
    fs::create_directories(hidden + "/deep");
    writeFileAt(hidden + "/deep/secret", FileAgent::kSecret);
  };
  hide();
  std::vector<std::pair<std::string, std::string>> pairs;
  for (int i = 0; i < kPairs; ++i) {
    const std::string name = agent_.root() + '/' + std::to_string(i);
    pairs.emplace_back(name + "-swap", name + "-link");
    fs::create_directories(pairs.back().first + "/deep");
    writeFileAt(pairs.back().first + "/deep/secret", "mine");
    fs::create_symlink(i % 2 == 0 ? "../../outside" : "hidden", pairs.back().second);
  }
  std::atomic<long> exchanges{0};
  std::atomic<bool> done{false};
  std::thread attacker([&] {
    while (!done)
      for (const auto& [swap, link] : pairs)
        if (::renameat2(AT_FDCWD, swap.c_str(), AT_FDCWD, link.c_str(), RENAME_EXCHANGE) == 0)
          ++exchanges;
  });
  int made = 0;
  int restored = 0;
  for (int i = 0; i < kBackups && !HasFailure(); ++i) {
    const std::string id = "b" + std::to_string(i);
    const std::string payload = R"({"backupId":")" + id + R"(","ignore":["/hidden"]})";
    if (at(finish("create_backup", payload), "data.success") != "true") continue;
    ++made;
    EXPECT_FALSE(holdsASecret(id)) << id << " after " << exchanges << " exchanges";
    if (i % 10 != 0) continue;
    if (at(finish("restore_backup", payload), "data.success") == "true") ++restored;
    hide();
  }
  done = true;
  attacker.join();
  fs::remove_all(hidden);
  EXPECT_GT(exchanges, 0);
  EXPECT_GT(made, 0);
  EXPECT_GT(restored, 0);
  EXPECT_FALSE(holdsASecret());
  expectUntouched(std::to_string(exchanges.load()) + " exchanges");
}

/// Exchanges a directory with a symbolic link to one outside, again and again, while every action
/// goes through it. FILES_RACE_EXCHANGES asks for more than a test has time for. The link is a
/// relative one: from "/" on, it would lead to another mount, which is refused for that already.
TEST_F(RootedTest, AnExchangeOfADirectoryForALinkNeverLeadsOut) {
  layOut();
  const char* asked = std::getenv("FILES_RACE_EXCHANGES");
  const long least = asked != nullptr ? std::atol(asked) : 200'000;
  fs::create_directories(agent_.root() + "/swap/deep/er");
  fs::create_symlink("../../outside", agent_.root() + "/link");
  const int root = ::open(agent_.root().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  std::atomic<long> exchanges{0};
  std::atomic<bool> done{false};
  std::thread attacker([&] {
    while (!done) {
      // Not while one of the two is being moved by an action.
      if (::renameat2(root, "swap", root, "link", RENAME_EXCHANGE) == 0) ++exchanges;
    }
  });
  const std::vector<std::string> paths = {
      "swap",        "swap/secret", "swap/deep", "swap/deep/secret", "swap/deep/er/new",
      "link/secret", "link/deep/er"};
  long reached = 0;
  while (exchanges < least) {
    for (const Sample& sample : samples()) {
      if (!hasPath(sample)) continue;
      // What moves or deletes the swapped names themselves would end the race.
      std::vector<std::string> ids;
      for (const std::string& path : paths) {
        const bool ends_it = path == "swap" && sample.on_links_themselves;
        if (ends_it || sample.payload.find("/moved") != std::string_view::npos) continue;
        if (path == "swap" && sample.payload.find("destination\":\"@") != std::string_view::npos)
          continue;
        ids.push_back(agent_.send(std::string(sample.action), payloadFor(sample, path)));
      }
      for (const std::string& id : ids)
        if (outcome(agent_.response(id)) == "ok") ++reached;
    }
    writeFileAt(agent_.root() + "/plain", "plain");
    fs::create_directories(agent_.root() + "/folder/in");
    std::error_code ignored;
    fs::remove_all(agent_.root() + "/copied", ignored);
    if (agent_.leaked()) break;
  }
  done = true;
  attacker.join();
  ::close(root);
  EXPECT_GT(reached, 0);
  RecordProperty("exchanges", std::to_string(exchanges.load()));
  expectUntouched(std::to_string(exchanges.load()) + " exchanges");
}

}  // namespace
}  // namespace agent
