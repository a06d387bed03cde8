#pragma once

namespace process_engine {

// The state directory: all this engine knows, shared by every program that opens it.
//
//   .events            what happened to containers, a line each, the newest at the end
//   <name>/            a container; what begins with '.' is one that is being made or removed
//     spec             what it was created from
//     runs             what its keepers say: started, exited, failed
//     lock             held by the keeper of the present run
//     stdin            a FIFO, with open_stdin
//     out/<n>.<run>    its output
//     exec-<id>/       a process beside process 1, laid out like a container
inline constexpr const char* kEventsFile = ".events";
inline constexpr const char* kSpecFile = "spec";
inline constexpr const char* kRunsFile = "runs";
inline constexpr const char* kLockFile = "lock";
inline constexpr const char* kStdinFile = "stdin";
inline constexpr const char* kOutputFolder = "out";
inline constexpr const char* kExecPrefix = "exec-";

/// The program that looks after one run, installed beside the plugin. Its argument is the id of the
/// process to end with (0: none); it is given these descriptors.
inline constexpr const char* kKeeperProgram = "libcontrol-process-keeper";
inline constexpr int kReportFd = 3;  ///< a pipe for its first word; its breaking ends an exec
inline constexpr int kFolderFd = 4;  ///< the container's folder

}  // namespace process_engine
