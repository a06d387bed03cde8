#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <libcontrol/result.h>

namespace agent {

/// Who else may be able to read a file that holds a secret.
enum class SecretPlace : int {
  kFile,               ///< owned by us or root, and for the owner alone
  kSystemdCredential,  ///< in a folder that systemd keeps private; nobody beyond our group
};

/// The secret that the regular file at `path` holds, without the newline at its end.
/// kInvalidArgument: not readable, not private, or not a secret; the message says how to mend it.
control::Result<std::string> readSecretFile(const std::string& path, SecretPlace place);

/// What a file holds that is closed to others as SecretPlace::kFile says. kInvalidArgument: not
/// readable, not private, larger.
control::Result<std::string> readPrivateFile(const std::string& path, std::size_t most_bytes);

/// kInvalidArgument unless `path` is owned by us or root and closed to everybody else.
control::Result<void> requirePrivateFile(const std::string& path);

/// A secret goes into an HTTP header: 1 to 4096 printable ASCII characters without spaces.
control::Result<void> checkSecret(std::string_view secret);

/// Overwrites the value of an environment variable where the kernel shows it (/proc/<pid>/environ)
/// and removes the variable. Call it before there is a second thread.
void eraseFromEnvironment(const char* name);

}  // namespace agent
