#include "websocket/holdings.h"

#include <malloc.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace websocket_test {
namespace {

std::size_t entries(const char* directory) {
  const std::filesystem::directory_iterator begin(directory);
  return static_cast<std::size_t>(std::distance(begin, std::filesystem::directory_iterator()));
}

}  // namespace

Holdings holdings() {
  ::malloc_trim(0);
  std::size_t virtual_pages = 0;
  std::size_t resident_pages = 0;
  std::ifstream("/proc/self/statm") >> virtual_pages >> resident_pages;
  if (kSanitized) resident_pages = 0;
  return {.resident_bytes = resident_pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)),
          .descriptors = entries("/proc/self/fd"),
          .threads = entries("/proc/self/task")};
}

}  // namespace websocket_test
