#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace agent {

/// A payload of an action on files with `@` where the path under test goes.
struct Sample {
  std::string_view action;
  std::string_view payload;
  /// It works on a symbolic link itself when the path ends with one.
  bool on_links_themselves = false;
};

/// At least one for each path of each action that works on files: RootedTest.EveryActionHasSamples.
inline const std::vector<Sample>& samples() {
  static const std::vector<Sample> all = {
      {"list_files", R"({"path":"@"})"},
      {"get_file", R"({"path":"@"})"},
      {"read_file", R"({"path":"@"})"},
      {"read_file", R"({"path":"@","offset":0,"length":9})"},
      {"write_file", R"({"path":"@","content":"overwritten"})"},
      {"write_file", R"({"path":"@","content":"overwritten","createDirectories":false})"},
      {"create_directory", R"({"path":"@"})", true},
      {"delete_file", R"({"path":"@"})", true},
      {"delete_file", R"({"path":"@","recursive":false})", true},
      {"rename_file", R"({"path":"@","newName":"renamed"})", true},
      {"rename_file", R"({"oldPath":"/plain","newPath":"@","overwrite":true})", true},
      {"move_file", R"({"source":"@","destination":"/moved"})", true},
      {"move_file", R"({"source":"/plain","destination":"@","overwrite":true})", true},
      {"move_file", R"({"source":"/folder","destination":"@","overwrite":true})"},
      {"copy_file", R"({"source":"@","destination":"/copied"})"},
      {"copy_file", R"({"source":"/plain","destination":"@","overwrite":true})"},
      {"copy_file", R"({"source":"/folder","destination":"@"})"},
      {"get_file_info", R"({"path":"@"})", true},
      {"get_file_info", R"({"path":"@","checksum":true})"},
      {"search_files", R"({"path":"@","pattern":"*"})"},
      {"search_files", R"({"path":"@","content":"CANARY"})"},
      {"upload_file", R"({"path":"@","content":"b3Zlcg=="})"},
      {"upload_file", R"({"path":"@","content":"b3Zlcg==","offset":0,"size":4})"},
      {"download_file", R"({"path":"@"})"},
      {"download_file", R"({"path":"@","checksum":true})"},
      {"get_file_permissions", R"({"path":"@"})", true},
      {"create_archive", R"({"path":"@","destination":"/made.zip"})"},
      {"create_archive", R"({"paths":["plain"],"directory":"@","destination":"/made.zip"})"},
      {"create_archive", R"({"path":"/folder","destination":"@","format":"tar"})"},
      {"extract_archive", R"({"path":"@","destination":"/out"})"},
      {"extract_archive", R"({"path":"/folder.zip","destination":"@"})"},
      // No path at all.
      {"list_backups", R"({})"},
      {"delete_backup", R"({"backupId":"none"})"},
      {"download_backup", R"({"backupId":"none"})"},
      {"set_file_permissions", R"({"path":"@","permissions":"0777"})"},
  };
  return all;
}

inline bool hasPath(const Sample& sample) {
  return sample.payload.find('@') != std::string_view::npos;
}

inline std::string payloadFor(const Sample& sample, const std::string& path) {
  std::string payload(sample.payload);
  for (std::size_t at = 0; (at = payload.find('@', at)) != std::string::npos; at += path.size())
    payload.replace(at, 1, path);
  return payload;
}

}  // namespace agent
