#include "websocket/holdings.h"

#include <malloc.h>
#include <unistd.h>

#include <fstream>

#include "support/footprint.h"

namespace websocket_test {

Holdings holdings() {
  ::malloc_trim(0);
  std::size_t virtual_pages = 0;
  std::size_t resident_pages = 0;
  std::ifstream("/proc/self/statm") >> virtual_pages >> resident_pages;
  if (kSanitized) resident_pages = 0;
  const auto footprint = control::test::Footprint::now();
  return {.resident_bytes = resident_pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)),
          .descriptors = footprint.descriptors,
          .threads = footprint.threads};
}

}  // namespace websocket_test
