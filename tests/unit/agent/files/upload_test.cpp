// Two uploads to one path never become one file.

#include <chrono>
#include <filesystem>
#include <initializer_list>
#include <utility>

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

/// Each holds what both have sent, until they part.
TEST_F(FileUploads, WithoutIdsNothingIsCutOffThatToldTwoApart) {
  ASSERT_EQ(put(0, "same"), "ok");
  ASSERT_EQ(put(4, "aaaa"), "ok");
  EXPECT_EQ(at(piece(0, "same"), "data.offset"), "4");
  EXPECT_EQ(put(4, "bbbb"), "INVALID_STATE");
  EXPECT_EQ(put(8, "aaaa"), "INVALID_STATE");
  EXPECT_EQ(whole(), "kept");
}

TEST_F(FileUploads, WithoutIdsAPieceThatComesAgainCutsNothingOff) {
  for (const auto& [offset, bytes] : std::initializer_list<std::pair<std::size_t, const char*>>{
           {0, "aaaa"}, {0, "aaaa"}, {4, "bbbb"}, {8, "ccc"}, {4, "bbbb"}})
    ASSERT_EQ(put(offset, bytes), "ok");
  EXPECT_EQ(put(8, "dddd"), "INVALID_STATE");
  EXPECT_EQ(whole(), "kept");
}

TEST_F(FileUploads, WithoutIdsPiecesOfOtherSizesAreComparedToo) {
  ASSERT_EQ(put(0, "same"), "ok");
  ASSERT_EQ(put(0, "sa"), "ok");
  EXPECT_EQ(put(2, "XY"), "INVALID_STATE");
  EXPECT_EQ(put(4, "efghijkl"), "INVALID_STATE");
  EXPECT_EQ(whole(), "kept");
}

TEST_F(FileUploads, OneWithAnIdIsNotEndedByOneWithout) {
  ASSERT_EQ(put(0, "same"), "ok");
  ASSERT_EQ(put(4, "aaaa"), "ok");
  const std::string id = at(piece(0, "same"), "data.uploadId");
  ASSERT_EQ(put(4, "bbbb", id), "ok");
  EXPECT_EQ(put(8, "aaaa"), "INVALID_STATE");
  EXPECT_EQ(put(8, "bbbb", id), "ok");
  EXPECT_EQ(whole(), "samebbbbbbbb");
}

TEST_F(FileUploads, OneThatWritesItselfAnewIsNotEndedByOneWithout) {
  const std::string id = at(piece(0, "same"), "data.uploadId");
  ASSERT_EQ(put(4, "aaaa", id), "ok");
  ASSERT_EQ(put(0, "othe", id), "ok");
  EXPECT_EQ(put(4, "aaaaaaaa"), "INVALID_STATE");
  EXPECT_EQ(whole(), "kept");
}

/// A whole file in one piece mixes with nothing.
TEST_F(FileUploads, OneOfOnePieceIsNeverInDispute) {
  ASSERT_EQ(put(0, "aaaa"), "ok");
  EXPECT_EQ(put(0, "bbbbbbbbbbbb"), "ok");
  EXPECT_EQ(whole(), "bbbbbbbbbbbb");
  EXPECT_EQ(put(4, "aaaa"), "INVALID_STATE");
}

TEST_F(FileUploads, WhoSentNothingForAMinuteIsNotWaitedFor) {
  ASSERT_EQ(put(0, "aaaa"), "ok");
  for (const fs::directory_entry& part : fs::directory_iterator(path(".ctrl-alt-play")))
    fs::last_write_time(part, fs::file_time_type::clock::now() - std::chrono::seconds(61));
  ASSERT_EQ(put(0, "bbbb"), "ok");
  EXPECT_EQ(put(4, "bbbb"), "ok");
  EXPECT_EQ(put(8, "bbbb"), "ok");
  EXPECT_EQ(whole(), "bbbbbbbbbbbb");
}

TEST_F(FileUploads, AnEmptyIdIsNobodys) {
  const Json begun = agent_.ask(
      "upload_file", R"({"path":"f","size":4,"offset":0,"content":"YWFhYQ==","uploadId":""})");
  EXPECT_EQ(outcome(begun), "ok") << begun.write();
  EXPECT_EQ(whole(), "aaaa");
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
