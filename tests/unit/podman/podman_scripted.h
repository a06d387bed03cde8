#pragma once

#include "podman/podman_plugin.h"
#include "support/scripted_runtime.h"

namespace control::test {

inline constexpr const char* kServiceInfo = R"({"host":{"os":"linux","eventLogger":"file"}})";

/// Answers pings as a Podman of that version, and everything else by `script`.
inline ScriptedEngine::Script podmanScript(std::string version, ScriptedEngine::Script script) {
  return [version = std::move(version), script = std::move(script)](const Request& request,
                                                                    Peer& peer) {
    if (request.target != "/_ping") return script(request, peer);
    peer.reply(200, "OK", "Api-Version: 1.41\r\nLibpod-Api-Version: " + version + "\r\n");
    return true;
  };
}

inline Result<std::shared_ptr<ContainerRuntime>> open(const ScriptedEngine& engine) {
  return openLinked(podman::descriptor(), "podman://" + engine.socketPath());
}

inline std::shared_ptr<ContainerRuntime> opened(const ScriptedEngine& engine) {
  return must(open(engine));
}

inline const std::string kId(64, 'a');

inline std::string inspection(const std::string& state, const std::string& more = "") {
  return R"({"Id":")" + kId + R"(","Name":"web","State":{"Status":")" + state +
         R"(","Pid":0,"ExitCode":4,"StartedAt":"2026-01-01T00:00:00Z","FinishedAt":"2026-01-01T00:00:01Z"},)"
         R"("Config":{"Tty":false,"OpenStdin":true})" +
         more + "}";
}

}  // namespace control::test
