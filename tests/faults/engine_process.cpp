#include "faults/engine_process.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <thread>

#include "engines/raw_engine.h"

namespace control::test {
namespace {

std::vector<std::string> readList(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> items;
  for (std::string item; std::getline(file, item, '\0');) items.push_back(item);
  return items;
}

std::vector<char*> pointersTo(std::vector<std::string>& items) {
  std::vector<char*> pointers;
  for (std::string& item : items) pointers.push_back(item.data());
  pointers.push_back(nullptr);
  return pointers;
}

void await(const std::function<bool()>& holds, const std::string& what) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!holds()) {
    if (std::chrono::steady_clock::now() > give_up)
      throw std::runtime_error("not in time: " + what);
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

}  // namespace

EngineProcess::EngineProcess(std::string directory, std::string name)
    : directory_(std::move(directory)), name_(std::move(name)) {
  std::ifstream(directory_ + '/' + name_ + ".pid") >> pid_;
  std::string uri;
  std::ifstream(directory_ + "/uri") >> uri;
  socket_ = uri.substr(uri.find("://") + 3);
  const std::string process = "/proc/" + std::to_string(pid_);
  arguments_ = readList(process + "/cmdline");
  environment_ = readList(process + "/environ");
  network_ = ::open((process + "/ns/net").c_str(), O_RDONLY | O_CLOEXEC);
  mounts_ = ::open((process + "/ns/mnt").c_str(), O_RDONLY | O_CLOEXEC);
  if (arguments_.empty() || network_ < 0 || mounts_ < 0)
    throw std::runtime_error("no process " + name_ + " in " + directory_);
}

EngineProcess::~EngineProcess() {
  ::close(network_);
  ::close(mounts_);
}

void EngineProcess::signal(int number) const { ::kill(pid_, number); }

void EngineProcess::killAt(const std::string& calls, int nth) const {
  const std::string pid = std::to_string(pid_);
  const std::string trace = "trace=" + calls;
  const std::string inject = "inject=" + calls + ":signal=SIGKILL:when=" + std::to_string(nth);
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("cannot fork");
  if (child == 0) {
    if (::fork() != 0) ::_exit(0);  // nobody's child: it ends with what it traces
    ::execlp("strace", "strace", "-f", "-qqq", "-o", "/dev/null", "-e", trace.c_str(), "-e",
             inject.c_str(), "-p", pid.c_str(), nullptr);
    ::_exit(127);
  }
  ::waitpid(child, nullptr, 0);
  await(
      [&] {
        for (const auto& thread : std::filesystem::directory_iterator("/proc/" + pid + "/task")) {
          std::ifstream status(thread.path() / "status");
          for (std::string line; std::getline(status, line);)
            if (line == "TracerPid:\t0") return false;
        }
        return true;
      },
      "strace on " + name_);
}

void EngineProcess::awaitEnd() const {
  await(
      [this] {
        // Ours is a zombie until it is waited for.
        ::waitpid(pid_, nullptr, WNOHANG);
        return ::kill(pid_, 0) != 0;
      },
      "the end of " + name_);
}

bool EngineProcess::answers() const {
  try {
    return rawRequest(socket_, "GET", "/_ping").status == 200;
  } catch (const std::exception&) {
    return false;
  }
}

void EngineProcess::start() {
  const std::vector<char*> arguments = pointersTo(arguments_);
  const std::vector<char*> environment = pointersTo(environment_);
  const std::string log = directory_ + '/' + name_ + ".log";
  std::string program = arguments_.front();
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("cannot fork");
  if (child == 0) {
    const int output = ::open(log.c_str(), O_WRONLY | O_APPEND | O_CREAT, 0600);
    const int input = ::open("/dev/null", O_RDONLY);
    ::setsid();
    const bool inside = ::setns(network_, CLONE_NEWNET) == 0 && ::setns(mounts_, CLONE_NEWNS) == 0;
    if (!inside || ::chdir(directory_.c_str()) != 0) ::_exit(126);
    ::dup2(input, 0);
    ::dup2(output, 1);
    ::dup2(output, 2);
    for (int descriptor = 3; descriptor < 1024; ++descriptor) ::close(descriptor);
    ::execvpe(program.c_str(), arguments.data(), environment.data());
    ::_exit(127);
  }
  pid_ = child;
  std::ofstream(directory_ + '/' + name_ + ".pid") << pid_ << '\n';
  await([this] { return answers(); }, name_ + " answering; see " + log);
}

}  // namespace control::test
