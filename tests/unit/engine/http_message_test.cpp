#include "engine/http_message.h"

#include <gtest/gtest.h>

namespace control::engine {
namespace {

struct Read {
  HttpReader reader{};
  std::string body{};
  Result<void> fed{};
};

/// Feeds `text` whole, then byte by byte: both must come to the same.
Read readBothWays(std::string_view text) {
  Read whole;
  whole.fed = whole.reader.feed(text, whole.body);
  Read pieces;
  for (const char c : text) {
    pieces.fed = pieces.reader.feed({&c, 1}, pieces.body);
    if (!pieces.fed) break;
  }
  EXPECT_EQ(whole.fed.has_value(), pieces.fed.has_value());
  EXPECT_EQ(whole.reader.complete(), pieces.reader.complete());
  if (whole.fed) {
    EXPECT_EQ(whole.body, pieces.body);
  }
  return whole;
}

TEST(HttpReader, ReadsABodyOfKnownLength) {
  const Read read = readBothWays("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
  EXPECT_TRUE(read.reader.complete());
  EXPECT_EQ(read.body, "hello");
  EXPECT_TRUE(read.reader.reusable());
}

TEST(HttpReader, ReadsChunksWithExtensionsAndTrailers) {
  const Read read = readBothWays(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\nA\r\n, "
      "chunked!\r\n0\r\nT: 1\r\n\r\n");
  EXPECT_TRUE(read.reader.complete());
  EXPECT_EQ(read.body, "hello, chunked!");
  EXPECT_TRUE(read.reader.reusable());
}

TEST(HttpReader, ReadsUntilTheCloseWithoutALength) {
  Read read = readBothWays("HTTP/1.1 200 OK\r\n\r\nsome");
  EXPECT_FALSE(read.reader.complete());
  EXPECT_TRUE(read.reader.finish());
  EXPECT_EQ(read.body, "some");
  EXPECT_FALSE(read.reader.reusable());
}

TEST(HttpReader, HandsOverTheConnectionAfter101) {
  const Read read = readBothWays("HTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\n\r\nraw bytes");
  EXPECT_TRUE(read.reader.hijacked());
  EXPECT_EQ(read.body, "raw bytes");
}

TEST(HttpReader, ExpectsNoBodyWhereThereIsNone) {
  EXPECT_TRUE(readBothWays("HTTP/1.1 204 No Content\r\n\r\n").reader.complete());
  EXPECT_TRUE(readBothWays("HTTP/1.1 304 Not Modified\r\n\r\n").reader.complete());
  HttpReader head(true);
  std::string body;
  ASSERT_TRUE(head.feed("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", body));
  EXPECT_TRUE(head.complete());
}

TEST(HttpReader, SkipsInterimAnswers) {
  const Read read = readBothWays(
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(read.reader.head().status, 201);
  EXPECT_TRUE(read.reader.complete());
}

TEST(HttpReader, CallsEveryCutUnavailable) {
  for (const std::string_view text :
       {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"}) {
    for (std::size_t size = 0; size < text.size(); ++size) {
      HttpReader reader;
      std::string body;
      ASSERT_TRUE(reader.feed(text.substr(0, size), body));
      const auto finished = reader.finish();
      ASSERT_FALSE(finished) << "cut after " << size << " bytes";
      EXPECT_EQ(finished.error().code, ErrorCode::kUnavailable);
    }
  }
}

TEST(HttpReader, RefusesWhatIsNotHttp) {
  const std::string long_head = "HTTP/1.1 200 OK\r\nX: " + std::string(70'000, 'x');
  for (const std::string_view text :
       {std::string_view("SSH-2.0-OpenSSH_9.2\r\n\r\n"), std::string_view("HTTP/2 200\r\n\r\n"),
        std::string_view("HTTP/1.1 2x0 OK\r\n\r\n"),
        std::string_view("HTTP/1.1 200 OK\r\nno colon\r\n\r\n"),
        std::string_view("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"),
        std::string_view("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"),
        std::string_view("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
        std::string_view(
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
        std::string_view("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"),
        std::string_view("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        std::string_view("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n"),
        std::string_view("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\nab"),
        std::string_view(long_head)}) {
    const Read read = readBothWays(text);
    ASSERT_FALSE(read.fed) << text.substr(0, 80);
    EXPECT_EQ(read.fed.error().code, ErrorCode::kInternal);
  }
}

TEST(HttpReader, DoesNotReuseAConnectionThatSendsMoreThanAsked) {
  const Read read = readBothWays("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nabc");
  EXPECT_TRUE(read.reader.complete());
  EXPECT_EQ(read.body, "a");
  EXPECT_FALSE(read.reader.reusable());
}

TEST(HttpRequest, IsWrittenWithWhatEnginesAskFor) {
  const std::string text = serialize({.method = Method::kPost,
                                      .target = "/containers/create?name=a",
                                      .body = "{}",
                                      .content_type = "application/json"},
                                     "localhost");
  EXPECT_TRUE(text.starts_with("POST /containers/create?name=a HTTP/1.1\r\nHost: localhost\r\n"));
  EXPECT_NE(text.find("\r\nContent-Length: 2\r\n"), std::string::npos);
  EXPECT_TRUE(text.ends_with("\r\n\r\n{}"));
  EXPECT_NE(serialize({.method = Method::kPost, .target = "/a"}, "h").find("Content-Length: 0\r\n"),
            std::string::npos);
}

TEST(HttpRequest, EncodesEveryByteThatMayMeanSomething) {
  EXPECT_EQ(percentEncoded("a/b?c=d&e f%"), "a%2Fb%3Fc%3Dd%26e%20f%25");
  EXPECT_EQ(percentEncoded("\xC3\xBC\r\n"), "%C3%BC%0D%0A");
}

}  // namespace
}  // namespace control::engine
