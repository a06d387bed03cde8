#pragma once

#include "docker/docker_plugin.h"
#include "support/scripted_runtime.h"

namespace control::test {

inline Result<std::shared_ptr<ContainerRuntime>> open(const std::string& uri) {
  return openLinked(docker::descriptor(), uri);
}

inline std::shared_ptr<ContainerRuntime> opened(const std::string& uri) { return must(open(uri)); }

inline constexpr const char* kExited =
    R"({"Id":"abc","Name":"/n","State":{"Status":"exited","Running":false,"ExitCode":0,"StartedAt":"2026-01-01T00:00:00Z","FinishedAt":"2026-01-01T00:00:01Z"},"Config":{"Tty":false}})";

}  // namespace control::test
