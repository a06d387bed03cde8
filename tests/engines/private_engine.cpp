#include "engines/private_engine.h"

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

std::string scriptPath(const char* script) {
  return std::string(CONTROL_ENGINES_DIRECTORY "/") + script;
}

std::string environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::string() : std::string(value);
}

std::string firstLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

}  // namespace

PrivateEngine::PrivateEngine(const Kind& kind) : kind_(kind) {
  const std::string variable = kind_.variable;
  uri_ = environment(variable);
  if (!uri_.empty()) return;
  if (const std::string file = environment(variable + "_FILE"); !file.empty())
    useRunning(file);
  else
    startPrivate();
}

PrivateEngine::~PrivateEngine() {
  if (owned_directory_.empty()) return;
  const CommandResult result =
      run(scriptPath(kind_.script) + " stop " + owned_directory_ + " 2>&1");
  if (result.status != 0) std::cerr << "the test engine did not stop: " << result.output;
}

void PrivateEngine::useRunning(const std::string& file) {
  uri_ = firstLine(file);
  if (uri_.empty())
    error_ = std::string("no ") + kind_.scheme + " engine: '" + file + "' (" + kind_.variable +
             "_FILE) holds no URI; run the CTest fixture that starts it first, or set " +
             kind_.variable;
}

void PrivateEngine::startPrivate() {
  // Not below TMPDIR, which may be too long for a socket path.
  std::string directory = std::string("/tmp/control-") + kind_.scheme + "-XXXXXX";
  if (::mkdtemp(directory.data()) == nullptr) {
    error_ = std::string("cannot make a directory for the ") + kind_.scheme + " engine in /tmp";
    return;
  }
  const CommandResult result = run(scriptPath(kind_.script) + " start " + directory + " --owner " +
                                   std::to_string(::getpid()) + " " + kind_.options + " 2>&1");
  if (result.status != 0) {
    error_ = std::string("no ") + kind_.scheme + " engine: " + result.output;
    return;
  }
  owned_directory_ = directory;
  uri_ = firstLine(directory + "/uri");
}

const std::string& PrivateEngine::uri() const {
  if (!error_.empty()) throw std::runtime_error(error_);
  return uri_;
}

std::string PrivateEngine::socket() const {
  const std::string prefix = std::string(kind_.scheme) + "://";
  const std::string path = uri().starts_with(prefix) ? uri().substr(prefix.size()) : std::string();
  if (path.size() < 2 || path.front() != '/')
    throw std::runtime_error("'" + uri() + "' names no Unix socket; use " + prefix + "/PATH");
  return path;
}

std::string PrivateEngine::networkNamespace() const {
  const std::string path = socket();
  const std::string name = firstLine(path.substr(0, path.rfind('/')) + "/netns");
  return name.empty() ? std::string() : "/run/netns/" + name;
}

}  // namespace control::test
