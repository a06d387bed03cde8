// Runs a fuzz harness without libFuzzer: each seed, and some beginnings of it and some forms with
// one bit turned. Deterministic.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

/// Of each kind for each seed.
constexpr std::size_t kVariants = 64;

void run(const std::string& bytes) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

void runAll(std::string bytes) {
  run(bytes);
  const std::size_t step = std::max<std::size_t>(bytes.size() / kVariants, 1);
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    run(bytes.substr(0, at));
    const char flipped = static_cast<char>(1 << (at % 8));
    bytes[at] = static_cast<char>(bytes[at] ^ flipped);
    run(bytes);
    bytes[at] = static_cast<char>(bytes[at] ^ flipped);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s SEED-FOLDER...\n", argv[0]);
    return 2;
  }
  int seeds = 0;
  for (int i = 1; i < argc; ++i) {
    for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
      std::ifstream file(entry.path(), std::ios::binary);
      runAll({std::istreambuf_iterator<char>(file), {}});
      ++seeds;
    }
  }
  std::printf("%d seeds\n", seeds);
  return seeds == 0 ? 1 : 0;
}
