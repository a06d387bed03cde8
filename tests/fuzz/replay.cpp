// Runs a fuzz harness without libFuzzer: each seed, each beginning of it, and each with one bit
// turned. Deterministic.

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

void run(const std::string& bytes) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

void runAll(std::string bytes) {
  run(bytes);
  constexpr std::size_t kAtMost = 2048;
  for (std::size_t size = 0; size < bytes.size() && size < kAtMost; ++size)
    run(bytes.substr(0, size));
  for (std::size_t at = 0; at < bytes.size() && at < kAtMost; ++at) {
    const char flipped = static_cast<char>(1 << (at % 8));
    bytes[at] = static_cast<char>(bytes[at] ^ flipped);
    run(bytes);
    bytes[at] = static_cast<char>(bytes[at] ^ flipped);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s SEED-FOLDER\n", argv[0]);
    return 2;
  }
  int seeds = 0;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
    std::ifstream file(entry.path(), std::ios::binary);
    runAll({std::istreambuf_iterator<char>(file), {}});
    ++seeds;
  }
  std::printf("%d seeds\n", seeds);
  return seeds == 0 ? 1 : 0;
}
