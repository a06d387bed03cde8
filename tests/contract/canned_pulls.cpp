#include "contract/canned_pulls.h"

#include <vector>

namespace control::conform {
namespace {

std::string status(const std::string& line, const std::string& body) {
  return "HTTP/1.1 " + line +
         "\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string chunk(const std::string& body) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string size;
  for (std::size_t left = body.size(); left > 0; left /= 16) size.insert(0, 1, kHex[left % 16]);
  return size + "\r\n" + body + "\r\n";
}

/// An answer in pieces: a step of the pull each.
std::vector<std::string> inPieces(std::vector<std::string> steps, bool ends) {
  std::vector<std::string> pieces{
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
      "Transfer-Encoding: chunked\r\n\r\n"};
  for (const std::string& step : steps) pieces.push_back(chunk(step));
  if (ends) pieces.emplace_back("0\r\n\r\n");
  return pieces;
}

std::vector<std::string> dockerAnswer(PullCase which) {
  const std::string pulling = R"({"status":"Pulling from some/image","id":"1"})"
                              "\r\n";
  const auto in_band = [&](const std::string& message) -> std::vector<std::string> {
    return {status("200 OK", pulling + R"({"errorDetail":{"message":")" + message +
                                 R"("},"error":")" + message + "\"}\r\n")};
  };
  switch (which) {
    case PullCase::kMissingTag:
      return {status("404 Not Found",
                     R"({"message":"manifest for registry.test/some/image:1 not found: )"
                     R"(manifest unknown: manifest unknown"})")};
    case PullCase::kBadCredentials:
      return {status("500 Internal Server Error",
                     R"({"message":"Head \"https://registry.test/v2/some/image/manifests/1\": )"
                     R"(unauthorized: incorrect username or password"})")};
    case PullCase::kInBandError:
      return in_band("filesystem layer verification failed for digest sha256:0e43");
    case PullCase::kSilentRegistry:
      return inPieces({pulling}, false);
    case PullCase::kSlowRegistry:
      return inPieces(
          {pulling, pulling, pulling, pulling,
           R"({"status":"Status: Downloaded newer image for registry.test/some/image:1"})"
           "\r\n"},
          true);
  }
  return {};
}

std::vector<std::string> podmanAnswer(PullCase which) {
  const std::string pulling = R"({"stream":"Trying to pull registry.test/some/image:1...\n"})"
                              "\n";
  const auto in_band = [&](const std::string& message) -> std::vector<std::string> {
    return {status("200 OK", pulling + R"({"error":")" + message + "\"}\n")};
  };
  switch (which) {
    case PullCase::kMissingTag:
      return in_band(
          "initializing source docker://registry.test/some/image:1: reading manifest 1 in "
          "registry.test/some/image: manifest unknown: manifest unknown");
    case PullCase::kBadCredentials:
      return in_band(
          "initializing source docker://registry.test/some/image:1: unable to retrieve auth "
          "token: invalid username/password: unauthorized: authentication required");
    case PullCase::kInBandError:
      return in_band("writing blob: storing blob to file: unexpected EOF");
    case PullCase::kSilentRegistry:
      return inPieces({pulling}, false);
    case PullCase::kSlowRegistry:
      return inPieces({pulling, pulling, pulling, pulling,
                       R"({"images":["c4a1f7"],"id":"c4a1f7"})"
                       "\n"},
                      true);
  }
  return {};
}

}  // namespace

std::optional<CannedPull> cannedPull(std::string_view engine, PullCase which) {
  if (engine == "docker")
    return CannedPull{.request = "/images/create?", .answer = dockerAnswer(which)};
  if (engine == "podman")
    return CannedPull{.request = "/images/pull?", .answer = podmanAnswer(which)};
  return std::nullopt;
}

}  // namespace control::conform
