#pragma once

#include <string>
#include <vector>

namespace test_support {

/// What this program asked the kernel to do to the disk: calls of fsync(), fdatasync() and rename()
/// in their order, as "sync <path> <bytes>", "sync <path>/" of a directory, and "rename <path>". A
/// program with this part has them noted, and done.
///
/// Threads: any.
std::vector<std::string> diskCalls();
void forgetDiskCalls();

}  // namespace test_support
