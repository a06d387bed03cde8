#pragma once

namespace agent {

/// The whole program, from its command line to its exit status.
int runProgram(int argc, char** argv);

}  // namespace agent
