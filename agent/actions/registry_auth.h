#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <libcontrol/result.h>
#include <libcontrol/runtime.h>

namespace agent {

struct Config;

/// Credentials for the registry of an image, out of the text of a file as `docker login` and
/// `podman login` write it: `{"auths": {"registry.example/team": {"auth": "<base64 of
/// user:password>"}}}`. The longest name that the image's begins with counts; names of helpers are
/// passed over. Absent: the file has none. kInvalidArgument: it is not such a file; the message
/// quotes nothing of it but names of registries.
control::Result<std::optional<control::RegistryCredentials>> findCredentials(
    std::string_view text, std::string_view image);

/// The same out of a file, read anew each time: what is renewed there counts at once. An empty
/// `file`: none. kInvalidArgument: not readable, not private (owned by us or root, 0600).
control::Result<std::optional<control::RegistryCredentials>> readCredentials(
    const std::string& file, std::string_view image);

/// How an image is pulled on this host: with the credentials of REGISTRY_AUTH_FILE.
/// IMAGE_PULL_FAILED: that file cannot be used; why is for the operator alone, in the log.
control::PullOptions pullOptionsFor(const Config& config, const std::string& image);

}  // namespace agent
