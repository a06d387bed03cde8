#include "engines/docker_fixture.h"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <stdexcept>

namespace control::test {
namespace {

constexpr const char* kScript = CONTROL_ENGINES_DIRECTORY "/dockerd.sh";

struct CommandResult {
  int status = 0;
  std::string output;
};

CommandResult run(const std::string& command) {
  std::FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("cannot run: " + command);
  CommandResult result;
  std::array<char, 4096> buffer;
  while (const std::size_t count = std::fread(buffer.data(), 1, buffer.size(), pipe))
    result.output.append(buffer.data(), count);
  const int status = ::pclose(pipe);
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return result;
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

std::string firstLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

/// The engine this program uses, and owns when it had to start it.
class Engine {
 public:
  Engine() {
    uri_ = environment("CONTROL_TEST_DOCKER");
    if (!uri_.empty()) return;
    if (const std::string file = environment("CONTROL_TEST_DOCKER_FILE"); !file.empty())
      useRunning(file);
    else
      startPrivate();
  }
  ~Engine() {
    if (owned_directory_.empty()) return;
    const CommandResult result = run(std::string(kScript) + " stop " + owned_directory_ + " 2>&1");
    if (result.status != 0) std::cerr << "the test engine did not stop: " << result.output;
  }
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  const std::string& uri() const {
    if (!error_.empty()) throw std::runtime_error(error_);
    return uri_;
  }

 private:
  void useRunning(const std::string& file) {
    uri_ = firstLine(file);
    if (uri_.empty())
      error_ = "no Docker engine: '" + file +
               "' (CONTROL_TEST_DOCKER_FILE) holds no URI; run the "
               "CTest fixture docker_engine_start first, or set CONTROL_TEST_DOCKER";
  }

  void startPrivate() {
    // Not below TMPDIR, which may be too long for a socket path.
    std::string directory = "/tmp/control-docker-XXXXXX";
    if (::mkdtemp(directory.data()) == nullptr) {
      error_ = "cannot make a directory for the Docker engine in /tmp";
      return;
    }
    const std::string owner = " --owner " + std::to_string(::getpid());
    const CommandResult result =
        run(std::string(kScript) + " start " + directory + owner + " 2>&1");
    if (result.status != 0) {
      error_ = "no Docker engine: " + result.output;
      return;
    }
    owned_directory_ = directory;
    uri_ = firstLine(directory + "/uri");
  }

  std::string uri_;
  std::string error_;
  std::string owned_directory_;
};

}  // namespace

const std::string& dockerUri() {
  static const Engine engine;
  return engine.uri();
}

std::string dockerSocket() {
  const std::string prefix = "docker://";
  const std::string& uri = dockerUri();
  const std::string path = uri.starts_with(prefix) ? uri.substr(prefix.size()) : std::string();
  if (path.size() < 2 || path.front() != '/')
    throw std::runtime_error("'" + uri + "' names no Unix socket; use docker:///PATH");
  return path;
}

std::string dockerNetworkNamespace() {
  const std::string socket = dockerSocket();
  const std::string name = firstLine(socket.substr(0, socket.rfind('/')) + "/netns");
  return name.empty() ? std::string() : "/run/netns/" + name;
}

}  // namespace control::test
