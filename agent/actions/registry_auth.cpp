#include "agent/actions/registry_auth.h"

#include <utility>

#include "agent/actions/image_reference.h"
#include "agent/config.h"
#include "agent/files/base64.h"
#include "agent/log.h"
#include "agent/panel/json_text.h"
#include "agent/panel/refusal.h"
#include "agent/secret.h"

namespace agent {
namespace {

using control::Error;
using control::RegistryCredentials;
using control::Result;

constexpr std::size_t kLargestCredentials = 1 << 20;

/// A name as images begin with it: without a scheme and the path of a registry's API.
std::string_view nameOf(std::string_view key) {
  for (const std::string_view scheme : {"https://", "http://"})
    if (key.starts_with(scheme)) key.remove_prefix(scheme.size());
  while (key.ends_with('/')) key.remove_suffix(1);
  for (const std::string_view api : {"/v1", "/v2"})
    if (key.ends_with(api)) key.remove_suffix(api.size());
  return key == "index.docker.io" || key == "registry-1.docker.io" ? "docker.io" : key;
}

bool isWithin(std::string_view repository, std::string_view name) {
  return !name.empty() && repository.starts_with(name) &&
         (repository.size() == name.size() || repository[name.size()] == '/');
}

Result<RegistryCredentials> credentialsOf(const std::string& key, const Json& entry) {
  RegistryCredentials credentials;
  credentials.server = std::string(nameOf(key).substr(0, nameOf(key).find('/')));
  const std::string* const auth = entry.findText("auth");
  if (auth != nullptr) {
    const auto plain = decodeBase64(*auth);
    const std::size_t colon = plain ? plain->find(':') : std::string::npos;
    if (colon == std::string::npos)
      return Error::invalid("auth of " + key + " is not the base64 form of user:password");
    credentials.username = plain->substr(0, colon);
    credentials.password = plain->substr(colon + 1);
    return credentials;
  }
  const std::string* const username = entry.findText("username");
  const std::string* const password = entry.findText("password");
  if (username == nullptr || password == nullptr)
    return Error::invalid(key + " has neither auth nor username and password");
  credentials.username = *username;
  credentials.password = *password;
  return credentials;
}

}  // namespace

Result<std::optional<RegistryCredentials>> findCredentials(std::string_view text,
                                                           std::string_view image) {
  const JsonReading reading = readJsonObject(text);
  if (!reading.value) return Error::invalid("it is no JSON object");
  const Json* const auths = reading.value->find("auths");
  if (auths == nullptr || auths->members() == nullptr)
    return Error::invalid("it has no object \"auths\"");
  const std::string full = fullReference(image);
  const std::string_view repository = repositoryOf(full);
  const Json::Member* best = nullptr;
  for (const Json::Member& one : *auths->members())
    if (isWithin(repository, nameOf(one.first)) &&
        (best == nullptr || nameOf(one.first).size() > nameOf(best->first).size()))
      best = &one;
  if (best == nullptr) return std::optional<RegistryCredentials>();
  auto found = credentialsOf(best->first, best->second);
  if (!found) return found.error();
  return std::optional(*std::move(found));
}

Result<std::optional<RegistryCredentials>> readCredentials(const std::string& file,
                                                           std::string_view image) {
  if (file.empty()) return std::optional<RegistryCredentials>();
  const auto text = readPrivateFile(file, kLargestCredentials);
  if (!text) return text.error();
  auto found = findCredentials(*text, image);
  if (!found) return Error::invalid(file + ": " + found.error().message);
  return found;
}

control::PullOptions pullOptionsFor(const Config& config, const std::string& image) {
  auto found = readCredentials(config.registry_auth_file, image);
  if (!found) {
    log::error("images", "REGISTRY_AUTH_FILE cannot be used: " + found.error().message);
    throw Refusal(
        "IMAGE_PULL_FAILED",
        "this host's credentials for registries cannot be used; its operator finds in the "
        "agent's log why");
  }
  return {.credentials = *std::move(found)};
}

}  // namespace agent
