#include "supervise/next_specs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "supervise/spec_text.h"

namespace control {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

/// With something in every field.
ContainerSpec fullSpec() {
  ContainerSpec spec;
  spec.name = "control-a";
  spec.image = "example/game:1";
  spec.entrypoint = {"/bin/sh", ""};
  spec.command = {"-c", "echo 100% \"it's\"\n", ""};
  spec.environment = {{"TOKEN", "s3cret word"}, {"EMPTY", ""}, {"TOKEN", "twice\xff\n"}};
  spec.labels = {{"a", "b c"}, {"", ""}};
  spec.working_directory = "/data";
  spec.user = "1000:1000";
  spec.hostname = "host";
  spec.tty = true;
  spec.open_stdin = true;
  spec.stop_signal = Signal::interrupt();
  spec.stop_timeout = 1500ms;
  spec.limits = {.memory_bytes = 1 << 30,
                 .memory_swap_bytes = -1,
                 .nano_cpus = 0,
                 .pids = 100,
                 .io_weight = 500};
  spec.ports = {{.container_port = 80, .host_port = 0},
                {.container_port = 65535,
                 .host_port = 53,
                 .protocol = PortProtocol::kSctp,
                 .host_ip = "::1"}};
  spec.mounts = {{.type = Mount::Type::kTmpfs, .target = "/tmp", .read_only = true},
                 {.source = "/srv/a b", .target = "/data"}};
  spec.network = NetworkMode::kHost;
  spec.no_new_privileges = true;
  spec.init = true;
  spec.read_only_root = true;
  spec.drop_capabilities = {"ALL"};
  spec.add_capabilities = {"CAP_CHOWN"};
  spec.log_driver = "journald";
  spec.log_options = {{"tag", "x"}};
  spec.log_limit_bytes = 1 << 20;
  spec.engine_options = {{"docker.runtime", "runc"}};
  return spec;
}

NextSpec fullNext() {
  ContainerSpec previous = fullSpec();
  previous.environment.clear();
  return {.spec = fullSpec(), .replaces = {"abc"}, .keeps_ports = true, .previous = previous};
}

TEST(SpecText, EveryFieldReadsBackAsItWas) {
  const ContainerSpec spec = fullSpec();
  const auto again = specFromLines(specToLines(spec));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->name, spec.name);
  EXPECT_EQ(again->image, spec.image);
  EXPECT_EQ(again->entrypoint, spec.entrypoint);
  EXPECT_EQ(again->command, spec.command);
  EXPECT_EQ(again->environment, spec.environment);
  EXPECT_EQ(again->labels, spec.labels);
  EXPECT_EQ(again->working_directory, spec.working_directory);
  EXPECT_EQ(again->user, spec.user);
  EXPECT_EQ(again->hostname, spec.hostname);
  EXPECT_EQ(again->tty, spec.tty);
  EXPECT_EQ(again->open_stdin, spec.open_stdin);
  EXPECT_EQ(again->stop_signal, spec.stop_signal);
  EXPECT_EQ(again->stop_timeout, spec.stop_timeout);
  EXPECT_EQ(again->limits, spec.limits);
  EXPECT_EQ(again->ports, spec.ports);
  EXPECT_EQ(again->mounts, spec.mounts);
  EXPECT_EQ(again->network, spec.network);
  EXPECT_EQ(again->no_new_privileges, spec.no_new_privileges);
  EXPECT_EQ(again->init, spec.init);
  EXPECT_EQ(again->read_only_root, spec.read_only_root);
  EXPECT_EQ(again->drop_capabilities, spec.drop_capabilities);
  EXPECT_EQ(again->add_capabilities, spec.add_capabilities);
  EXPECT_EQ(again->log_driver, spec.log_driver);
  EXPECT_EQ(again->log_options, spec.log_options);
  EXPECT_EQ(again->log_limit_bytes, spec.log_limit_bytes);
  EXPECT_EQ(again->engine_options, spec.engine_options);
}

TEST(SpecText, WhatIsAsUsualTakesNoLine) {
  EXPECT_EQ(specToLines({}), "");
  EXPECT_EQ(specToLines(*specFromLines("")), "");
  EXPECT_EQ(specToLines({.image = "a b"}), "image a%20b\n");
}

TEST(SpecText, LinesThatAreNoneAreRefusedAndNotShown) {
  for (const char* line :
       {"secret 1", "image", "image a b", "image a\nimage b", "tty 2", "pids x", "pids 1x",
        "io-weight 99999999999", "port 70000 1 0 x", "port 1 1 9 x", "port 1 1 0", "label secret",
        "label a b\nlabel a c", "environment %G1 x", "network -1", "\n", " "}) {
    const auto read = specFromLines(line);
    ASSERT_FALSE(read) << line;
    EXPECT_EQ(read.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(read.error().message, Not(HasSubstr("secret")));
  }
}

TEST(NextSpecText, ReadsBackAsItWas) {
  NextSpec next = fullNext();
  for (const bool keeps_ports : {true, false}) {
    next.keeps_ports = keeps_ports;
    const auto again = nextSpecFromText(nextSpecToText(next));
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(nextSpecToText(*again), nextSpecToText(next));
    EXPECT_EQ(again->replaces, next.replaces);
    EXPECT_EQ(again->keeps_ports, keeps_ports);
    EXPECT_EQ(again->spec.environment, next.spec.environment);
    ASSERT_TRUE(again->previous);
    EXPECT_TRUE(again->previous->environment.empty());
  }
  const auto empty = nextSpecFromText(nextSpecToText({}));
  ASSERT_TRUE(empty) << empty.error().message;
  EXPECT_FALSE(empty->previous);
  EXPECT_TRUE(empty->replaces.value.empty());
}

TEST(NextSpecText, CutOffAnywhereIsDamaged) {
  const std::string text = nextSpecToText(fullNext());
  for (std::size_t size = 0; size < text.size(); ++size)
    ASSERT_FALSE(nextSpecFromText(text.substr(0, size))) << size;
}

TEST(NextSpecText, NewerVersionIsNotReadAsDamage) {
  const auto read = nextSpecFromText("libcontrol-next-spec 2\nanything\n");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::kUnsupported);
}

class NextSpecsOnDisk : public ::testing::Test {
 protected:
  ~NextSpecsOnDisk() override { std::filesystem::remove_all(directory_); }

  static std::filesystem::path makeDirectory() {
    std::string made = ::testing::TempDir() + "next-XXXXXX";
    return ::mkdtemp(made.data());
  }
  static unsigned modeOf(const std::filesystem::path& path) {
    struct stat about {};
    EXPECT_EQ(::stat(path.c_str(), &about), 0) << path;
    return about.st_mode & 07777U;
  }

  const std::filesystem::path directory_ = makeDirectory();
  std::vector<std::string> told_;
  NextSpecs specs_{directory_ / "servers.next",
                   [this](const std::string& text) { told_.push_back(text); }};
};

TEST_F(NextSpecsOnDisk, AreKeptForTheirOwnerAloneUntilErased) {
  EXPECT_TRUE(specs_.read().empty());
  specs_.erase("never-there");
  ASSERT_TRUE(specs_.set("a", fullNext()));
  ASSERT_TRUE(specs_.set("a.spec.new", {}));
  EXPECT_EQ(modeOf(directory_ / "servers.next"), 0700U);
  EXPECT_EQ(modeOf(directory_ / "servers.next" / "a.spec"), 0600U);
  auto read = specs_.read();
  ASSERT_EQ(read.size(), 2U);
  EXPECT_EQ(nextSpecToText(read["a"]), nextSpecToText(fullNext()));
  specs_.erase("a");
  EXPECT_EQ(specs_.read().size(), 1U);
  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(NextSpecsOnDisk, DamagedOneIsPutAsideToldAndNotShown) {
  ASSERT_TRUE(specs_.set("a", fullNext()));
  ASSERT_TRUE(specs_.set("b", {}));
  std::ofstream(directory_ / "servers.next" / "a.spec", std::ios::app) << "more";
  EXPECT_EQ(specs_.read().size(), 1U);
  ASSERT_THAT(told_, SizeIs(1));
  EXPECT_THAT(told_.front(), HasSubstr("a.spec.unusable-1"));
  EXPECT_THAT(told_.front(), HasSubstr("damaged"));
  EXPECT_THAT(told_.front(), Not(HasSubstr("s3cret")));
  EXPECT_EQ(specs_.read().size(), 1U);
  EXPECT_THAT(told_, SizeIs(1));
}

TEST_F(NextSpecsOnDisk, WhatCannotBeWrittenIsAnErrorThatSaysWhere) {
  std::ofstream(directory_ / "servers.next") << "in the way";
  const auto kept = specs_.set("a", fullNext());
  ASSERT_FALSE(kept);
  EXPECT_THAT(kept.error().message, HasSubstr("servers.next/a.spec"));
  EXPECT_THAT(kept.error().message, Not(HasSubstr("s3cret")));
}

}  // namespace
}  // namespace control
