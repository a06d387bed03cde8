#include "websocket/subject.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <stdexcept>
#include <thread>

#include "agent/descriptor.h"
#include "agent/log.h"

namespace websocket_test {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kPatience{10};

class EchoProgram : public Subject {
 public:
  ~EchoProgram() override {
    if (process_ > 0) {
      ::kill(process_, SIGKILL);
      ::waitpid(process_, nullptr, 0);
    }
  }

  void connect(const std::string& url) override {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
    said_ = agent::Descriptor(ends[0]);
    const agent::Descriptor theirs(ends[1]);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, theirs.get(), STDERR_FILENO);
    std::string program = WS_ECHO;
    std::string address = url;
    char* arguments[] = {program.data(), address.data(), nullptr};
    if (::posix_spawn(&process_, WS_ECHO, &actions, nullptr, arguments, environ) != 0)
      throw std::runtime_error("cannot start " WS_ECHO);
    ::posix_spawn_file_actions_destroy(&actions);
  }

  /// What it wrote, and how the process ended.
  std::string ending() override {
    std::string text;
    const auto deadline = Clock::now() + kPatience;
    for (;;) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
      pollfd waiting{said_.get(), POLLIN, 0};
      if (left.count() <= 0 || ::poll(&waiting, 1, static_cast<int>(left.count())) <= 0)
        return "(still there)";
      std::array<char, 1024> piece;
      const ssize_t count = ::read(said_.get(), piece.data(), piece.size());
      if (count <= 0) break;
      text.append(piece.data(), static_cast<std::size_t>(count));
    }
    int status = 0;
    ::waitpid(process_, &status, 0);
    process_ = -1;
    if (!WIFEXITED(status)) return text + "killed by " + std::to_string(WTERMSIG(status));
    return text + "exit " + std::to_string(WEXITSTATUS(status));
  }
  bool isStrict() const override { return true; }

 private:
  pid_t process_ = -1;
  agent::Descriptor said_;
};

class LinkSubject : public Subject, public agent::LinkListener {
 public:
  ~LinkSubject() override {
    if (link_) link_->stop();
  }

  void connect(const std::string& url) override {
    agent::log::setUp(agent::LogLevel::kOff, agent::LogFormat::kText);
    agent::LinkSettings settings;
    settings.url = url;
    settings.node_id = "node-1";
    settings.secret = "s3cret";
    // One connection is enough: the next would come after two seconds.
    settings.random = [] { return 0.999; };
    link_ = std::make_unique<agent::PanelLink>(std::move(settings), *this);
    link_->start();
  }

  std::string ending() override {
    const auto deadline = Clock::now() + kPatience;
    for (;;) {
      const agent::LinkStatus status = link_->status();
      if (!status.connected && status.problem != "not connected yet") return status.problem;
      if (Clock::now() > deadline) return "(still there)";
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  bool isStrict() const override { return false; }

  std::vector<std::string> greeting() override { return {}; }
  std::string heartbeat() override { return {}; }
  void onMessage(std::string text) override {
    link_->send(std::move(text), agent::Delivery::kResult);
  }
  void onFrameProblem(agent::FrameProblem problem) override {
    onMessage("problem " + std::to_string(static_cast<int>(problem)));
  }
  std::string consoleGap(const std::string&, std::uint64_t, std::uint64_t) override { return {}; }

 private:
  std::unique_ptr<agent::PanelLink> link_;
};

}  // namespace

std::unique_ptr<Subject> echoProgram() { return std::make_unique<EchoProgram>(); }
std::unique_ptr<Subject> panelLink() { return std::make_unique<LinkSubject>(); }

}  // namespace websocket_test
