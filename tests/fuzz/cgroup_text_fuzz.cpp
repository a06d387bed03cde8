#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "engine/cgroup_text.h"

using namespace control::engine;

/// All parsers of kernel files; what is cut at a container's name is a beginning that ends in it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)microseconds(parseCount(text));
  (void)nanoseconds(parseLimitV1(text));
  (void)parseKeyed(text, "oom_kill");
  (void)parseKeyed(text, "total_inactive_file");
  (void)parseNetDev(text);
  (void)parseIoStat(text);
  (void)parseBlkio(text);
  (void)parseCgroupMounts(text);
  constexpr std::string_view kId = "c1";
  for (const CgroupLine& line : parseProcCgroup(text)) {
    const auto cut = cutAtContainer(line.path, kId);
    if (cut && (!line.path.starts_with(*cut) || cut->find(kId) == std::string_view::npos))
      std::abort();
  }
  return 0;
}
