// Two uploads to one path never become one file.

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/files/base64.h"
#include "unit/agent/files/file_agent_fixture.h"

namespace agent {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class FileUploads : public OnFilesOfA {
 protected:
  FileUploads() { writeFileAt(path("f"), "kept"); }

  /// One of four bytes, of twelve.
  Json piece(std::size_t offset, const std::string& bytes, const std::string& id = "") {
    return agent_.ask("upload_file", R"({"path":"f","size":12,"offset":)" + std::to_string(offset) +
                                         R"(,"content":")" + encodeBase64(bytes) + '"' +
                                         withId(id) + "}");
  }
  std::string put(std::size_t offset, const std::string& bytes, const std::string& id = "") {
    return outcome(piece(offset, bytes, id));
  }
  Json ask(const std::string& id = "") {
    return agent_.ask("upload_file", R"({"path":"f")" + withId(id) + "}");
  }
  std::string whole() const { return readFileAt(path("f")); }

 private:
  static std::string withId(const std::string& id) {
    return id.empty() ? "" : R"(,"uploadId":")" + id + '"';
  }
};

TEST_F(FileUploads, WhatBeganLaterEndsTheOneBefore) {
  const std::string first = at(piece(0, "aaaa"), "data.uploadId");
  const std::string second = at(piece(0, "bbbb"), "data.uploadId");
  EXPECT_EQ(first.size(), 16U);
  EXPECT_NE(first, second);
  const Json refused = piece(4, "aaaa", first);
  EXPECT_EQ(outcome(refused), "INVALID_STATE");
  EXPECT_THAT(at(refused, "error.message"), HasSubstr("begin again at 0"));
  EXPECT_EQ(outcome(ask(first)), "INVALID_STATE");
  EXPECT_EQ(at(ask(second), "data.offset"), "4");
  EXPECT_EQ(at(piece(4, "bbbb", second), "data.uploadId"), second);
  const Json end = piece(8, "bbbb", second);
  EXPECT_EQ(at(end, "data.complete"), "true") << end.write();
  EXPECT_EQ(end.find("data")->find("uploadId"), nullptr);
  EXPECT_EQ(whole(), "bbbbbbbbbbbb");
  EXPECT_EQ(put(8, "aaaa", first), "INVALID_STATE");
  EXPECT_EQ(put(8, "aaaa"), "INVALID_STATE");
  EXPECT_FALSE(fs::exists(path(".ctrl-alt-play")));
}

TEST_F(FileUploads, WithoutIdsNeitherOfTwoGoesOn) {
  ASSERT_EQ(put(0, "aaaa"), "ok");
  const std::string second = at(piece(0, "bbbb"), "data.uploadId");
  for (const char* bytes : {"aaaa", "bbbb"}) {
    const Json refused = piece(4, bytes);
    EXPECT_EQ(outcome(refused), "INVALID_STATE");
    EXPECT_THAT(at(refused, "error.message"), HasSubstr("uploadId"));
  }
  EXPECT_EQ(outcome(ask()), "INVALID_STATE");
  agent_.restart();
  EXPECT_EQ(put(4, "aaaa"), "INVALID_STATE");
  // Not after one of them began once more either: the other may not have heard.
  ASSERT_EQ(put(0, "bbbb"), "ok");
  EXPECT_EQ(put(4, "aaaa"), "INVALID_STATE");
  EXPECT_EQ(put(4, "aaaa", second), "INVALID_STATE");
  EXPECT_EQ(whole(), "kept");
}

TEST_F(FileUploads, WithoutIdsTwoThatPartOnlyLaterDoNotGoOnEither) {
  ASSERT_EQ(put(0, "same"), "ok");
  ASSERT_EQ(put(0, "same"), "ok");
  ASSERT_EQ(put(4, "aaaa"), "ok");
  EXPECT_EQ(put(4, "bbbb"), "INVALID_STATE");
  EXPECT_EQ(put(8, "bbbb"), "INVALID_STATE");
  EXPECT_EQ(put(8, "aaaa"), "INVALID_STATE");
  EXPECT_EQ(whole(), "kept");
}

TEST_F(FileUploads, WithoutIdsPiecesMayComeAgain) {
  ASSERT_EQ(put(0, "aaaa"), "ok");
  agent_.restart();
  agent_.reconnect();
  EXPECT_EQ(at(ask(), "data.offset"), "4");
  EXPECT_EQ(put(0, "aaaa"), "ok");
  EXPECT_EQ(put(4, "bbbb"), "ok");
  EXPECT_EQ(put(4, "bbbb"), "ok");
  EXPECT_EQ(put(0, "aaaa"), "ok");
  EXPECT_EQ(put(4, "bbbb"), "ok");
  EXPECT_EQ(put(8, "cccc"), "ok");
  EXPECT_EQ(whole(), "aaaabbbbcccc");
}

/// Its own pieces may become something else, whatever others began.
TEST_F(FileUploads, WithItsIdAnUploadMayBeginAgain) {
  ASSERT_EQ(put(0, "xxxx"), "ok");
  const std::string id = at(piece(0, "aaaa"), "data.uploadId");
  EXPECT_EQ(put(4, "xxxx", id), "ok");
  agent_.restart();
  EXPECT_EQ(at(ask(id), "data.uploadId"), id);
  EXPECT_EQ(at(piece(0, "bbbb", id), "data.uploadId"), id);
  EXPECT_EQ(put(4, "cccc", id), "ok");
  EXPECT_EQ(put(8, "dddd", id), "ok");
  EXPECT_EQ(whole(), "bbbbccccdddd");
}

}  // namespace
}  // namespace agent
