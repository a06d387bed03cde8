#include <unistd.h>

#include <fstream>
#include <string>

#include "loader/loader_fixture.h"

namespace control::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// Tests in lower case are the behaviours of the loader that the contract names.

TEST_F(Loader, missing_file) {
  const auto runtime = load("good:///", folder() / "libcontrol-good.so");
  ASSERT_FALSE(runtime);
  EXPECT_EQ(runtime.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(runtime.error().message, AllOf(HasSubstr((folder() / "libcontrol-good.so").string()),
                                             HasSubstr("No such file")));
}

TEST_F(Loader, relative_path) {
  const fs::path file = place("good");
  const auto relative = load("good:///", fs::relative(file));
  ASSERT_FALSE(relative);
  EXPECT_EQ(relative.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(relative.error().message, HasSubstr("not absolute"));
}

TEST_F(Loader, RefusesARelativeFolder) {
  place("good");
  const auto relative =
      loadRuntime("good:///", {.plugin_directory = fs::relative(folder()).string()});
  ASSERT_FALSE(relative);
  EXPECT_EQ(relative.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(relative.error().message, HasSubstr("not absolute"));
}

/// Root refuses what `load` gives; anybody else may load what he likes.
void expectRefusedForRoot(const Result<std::shared_ptr<ContainerRuntime>>& runtime,
                          const std::string& culprit) {
  if (::geteuid() != 0) {
    EXPECT_TRUE(runtime) << runtime.error().message;
    return;
  }
  ASSERT_FALSE(runtime);
  EXPECT_EQ(runtime.error().code, ErrorCode::kPermissionDenied);
  EXPECT_THAT(runtime.error().message, HasSubstr("'" + culprit + "'"));
}

TEST_F(Loader, file_writable_by_others) {
  const fs::path file = place("good");
  ::chmod(file.c_str(), 0646);
  expectRefusedForRoot(load("good:///", file), file.string());
}

TEST_F(Loader, RefusesAFileWritableByAGroupWhenRoot) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root may give a file to another group";
  const fs::path file = place("good");
  ASSERT_EQ(::chown(file.c_str(), 0, 65534), 0);
  ::chmod(file.c_str(), 0664);
  expectRefusedForRoot(load("good:///", file), file.string());
}

TEST_F(Loader, RefusesAFileOfAnotherUserWhenRoot) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root may give a file away";
  const fs::path file = place("good");
  ASSERT_EQ(::chown(file.c_str(), 65534, 65534), 0);
  expectRefusedForRoot(load("good:///", file), file.string());
}

TEST_F(Loader, folder_writable_by_others) {
  const fs::path file = place("good");
  ::chmod(folder().c_str(), 0777);
  expectRefusedForRoot(load("good:///", file), folder().string());
}

TEST_F(Loader, RefusesAFolderWhoseParentIsWritableByOthersWhenRoot) {
  fs::create_directory(folder() / "inner");
  const fs::path file = folder() / "inner" / "libcontrol-good.so";
  fs::copy_file(place("good"), file);
  ::chmod(folder().c_str(), 0777);
  expectRefusedForRoot(load("good:///", file), folder().string());
}

TEST_F(Loader, JudgesTheFileThatALinkLeadsTo) {
  fs::create_directory(folder() / "inner");
  const fs::path file = folder() / "inner" / "libcontrol-good.so";
  fs::copy_file(place("good"), file);
  ::chmod(file.c_str(), 0666);
  fs::create_symlink(file, folder() / "link.so");
  expectRefusedForRoot(load("good:///", folder() / "link.so"), file.string());
}

TEST_F(Loader, RefusesTheWritersBeforeItLooksInside) {
  if (::geteuid() != 0) GTEST_SKIP() << "writers are judged for root only";
  const fs::path file = place("not_a_library");
  ::chmod(file.c_str(), 0666);
  const auto runtime = load("good:///", file);
  ASSERT_FALSE(runtime);
  EXPECT_EQ(runtime.error().code, ErrorCode::kPermissionDenied);
}

TEST_F(Loader, not_a_library) {
  const Error error = failureOf("not_a_library");
  EXPECT_EQ(error.code, ErrorCode::kInternal);
  EXPECT_THAT(error.message, AllOf(HasSubstr("cannot be loaded: it is not a shared library"),
                                   HasSubstr("not_a_library")));
}

TEST_F(Loader, RefusesALibraryOfAnotherMachine) {
  const fs::path file = place("good");
  constexpr std::streamoff kMachine = 18;  // Elf64_Ehdr::e_machine
  std::fstream library(file, std::ios::in | std::ios::out | std::ios::binary);
  library.seekp(kMachine);
  library.write("\xff\xfe", 2);
  library.close();
  const auto runtime = load("good:///", file);
  ASSERT_FALSE(runtime);
  EXPECT_EQ(runtime.error().code, ErrorCode::kInternal);
  EXPECT_THAT(runtime.error().message, HasSubstr("cannot be loaded"));
}

TEST_F(Loader, RefusesAFolder) {
  const auto runtime = load("good:///", folder());
  ASSERT_FALSE(runtime);
  EXPECT_EQ(runtime.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(runtime.error().message, HasSubstr("is not a file"));
}

// It waited for a writer, for ever.
TEST_F(Loader, RefusesAPipeWithoutWaitingForAWriter) {
  const fs::path pipe = folder() / "libcontrol-good.so";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0644), 0);
  for (const auto& runtime :
       {load("good:///", pipe), loadRuntime("good:///", {.plugin_directory = folder().string()})}) {
    ASSERT_FALSE(runtime);
    EXPECT_EQ(runtime.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(runtime.error().message, HasSubstr("is not a file"));
  }
}

TEST_F(Loader, missing_symbol) {
  const Error error = failureOf("missing_symbol");
  EXPECT_EQ(error.code, ErrorCode::kInternal);
  EXPECT_THAT(error.message,
              AllOf(HasSubstr("expected the symbol control_plugin_descriptor"), HasSubstr("none")));
}

TEST_F(Loader, null_descriptor) {
  const Error error = failureOf("null_descriptor");
  EXPECT_EQ(error.code, ErrorCode::kInternal);
  EXPECT_THAT(error.message, HasSubstr("returned null"));
}

TEST_F(Loader, newer_abi) {
  const Error error = failureOf("newer_abi");
  EXPECT_EQ(error.code, ErrorCode::kInternal);
  EXPECT_THAT(error.message,
              AllOf(HasSubstr("expected ABI version " + std::to_string(CONTROL_PLUGIN_ABI_VERSION)),
                    HasSubstr("found " + std::to_string(CONTROL_PLUGIN_ABI_VERSION + 1))));
}

TEST_F(Loader, older_abi) {
  const Error error = failureOf("older_abi");
  EXPECT_EQ(error.code, ErrorCode::kInternal);
  EXPECT_THAT(error.message,
              AllOf(HasSubstr("expected ABI version " + std::to_string(CONTROL_PLUGIN_ABI_VERSION)),
                    HasSubstr("found " + std::to_string(CONTROL_PLUGIN_ABI_VERSION - 1))));
}

TEST_F(Loader, other_build) {
  const Error error = failureOf("other_build");
  EXPECT_EQ(error.code, ErrorCode::kInternal);
  EXPECT_THAT(error.message, AllOf(HasSubstr(std::string("expected build '") + CONTROL_BUILD_ID),
                                   HasSubstr("found '0.0.1/another-build'"),
                                   Not(HasSubstr("expected the engine"))));
}

TEST_F(Loader, other_name) {
  const Error error = failureOf("other_name");
  EXPECT_EQ(error.code, ErrorCode::kInternal);
  EXPECT_THAT(error.message,
              AllOf(HasSubstr("expected the engine 'good'"), HasSubstr("found 'another'")));
}

TEST_F(Loader, RefusesADescriptorWithoutABuild) {
  EXPECT_THAT(failureOf("null_build_id").message, HasSubstr("expected build"));
}

TEST_F(Loader, RefusesADescriptorWithoutAName) {
  EXPECT_THAT(failureOf("null_name").message, HasSubstr("expected the engine 'good'"));
}

TEST_F(Loader, RefusesADescriptorWithoutCreate) {
  EXPECT_THAT(failureOf("null_create").message, HasSubstr("no create function"));
}

TEST_F(Loader, create_fails) {
  const Error error = failureOf("create_fails");
  EXPECT_EQ(error.code, ErrorCode::kUnavailable);
  EXPECT_THAT(error.message, HasSubstr("the fixture engine is switched off"));
  EXPECT_EQ(error.native, "ENOENT");
}

TEST_F(Loader, create_throws) {
  const Error error = failureOf("create_throws");
  EXPECT_EQ(error.code, ErrorCode::kInternal);
  EXPECT_THAT(error.message, HasSubstr("the fixture engine fell over"));
}

TEST_F(Loader, TurnsAnythingElseThrownByCreateIntoAnError) {
  EXPECT_EQ(failureOf("create_throws_oddly").code, ErrorCode::kInternal);
}

TEST_F(Loader, RefusesASuccessWithoutARuntime) {
  const Error error = failureOf("create_null");
  EXPECT_EQ(error.code, ErrorCode::kInternal);
  EXPECT_THAT(error.message, HasSubstr("create returned nothing"));
}

}  // namespace
}  // namespace control::test
