#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "supervised_engine.h"

namespace control::test {

/// A supervisor that keeps its state in a directory, for the next one.
class KeptState : public SupervisedEngine {
 protected:
  KeptState() {
    std::string made = ::testing::TempDir() + "kept-XXXXXX";
    directory_ = ::mkdtemp(made.data());
    std::filesystem::create_directory(directory_ / "state");
    options_.state_file = directory_ / "state" / "servers";
  }
  ~KeptState() override {
    close();
    std::filesystem::remove_all(directory_);
  }

  /// What is on disk now is all that the next process finds, whatever this one does at its end.
  void kill() {
    std::filesystem::copy(directory_ / "state", directory_ / "as-killed",
                          std::filesystem::copy_options::recursive);
    close();
    std::filesystem::remove_all(directory_ / "state");
    std::filesystem::rename(directory_ / "as-killed", directory_ / "state");
  }
  /// As a host that was rebooted: all containers dead, and the daemon came up before the engine.
  void reboot() {
    close();
    control().engineRestart(true);
    control().engineDown(true);
    from_ = observer_.position();
    open();
    control().engineDown(false);
  }
  std::vector<Transition> since(const std::string& name) {
    std::vector<Transition> all = observer_.transitions();
    all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(from_));
    std::erase_if(all, [&](const Transition& one) { return one.entry != name; });
    return all;
  }

  std::filesystem::path directory_;
  std::size_t from_ = 0;
};

}  // namespace control::test
