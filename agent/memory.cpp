#include "agent/memory.h"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>

namespace agent {
namespace {

/// Of one library. What is never written is as it lies in the file, and can be dropped.
int dropUnwritten(dl_phdr_info* library, std::size_t, void*) {
  static const auto kPage = static_cast<ElfW(Addr)>(::sysconf(_SC_PAGESIZE));
  for (int i = 0; i < library->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = library->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
    const ElfW(Addr) from = (library->dlpi_addr + segment.p_vaddr) & ~(kPage - 1);
    const ElfW(Addr) to = library->dlpi_addr + segment.p_vaddr + segment.p_memsz;
    // What refuses it (the kernel's own library) keeps its pages.
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the linker gives addresses as numbers
    ::madvise(reinterpret_cast<void*>(from), to - from, MADV_DONTNEED);
  }
  return 0;
}

}  // namespace

void limitMemory() {
  // Few threads allocate much: more than one arena costs megabytes and gains nothing.
  ::mallopt(M_ARENA_MAX, 1);
  ::mallopt(M_TRIM_THRESHOLD, 128 * 1024);
}

void giveBackStart() {
  ::malloc_trim(0);
  ::dl_iterate_phdr(dropUnwritten, nullptr);
}

}  // namespace agent
