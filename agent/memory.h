#pragma once

namespace agent {

/// Call it before the first thread is started.
void limitMemory();

/// Gives back what only the start needed: free memory, and the pages of the program and of its
/// libraries, which mostly held symbols to link. Those that are used again come back by themselves.
void giveBackStart();

}  // namespace agent
