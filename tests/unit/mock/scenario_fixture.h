#pragma once

#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "mock_fixture.h"

namespace control::mock {

/// A scenario file, for as long as it is needed.
class ScenarioFile {
 public:
  /// With ' for ", so that tests can be read.
  explicit ScenarioFile(std::string text) {
    std::string folder = ::testing::TempDir() + "mock-XXXXXX";
    if (::mkdtemp(folder.data()) == nullptr) throw std::runtime_error("no temporary directory");
    folder_ = folder;
    std::replace(text.begin(), text.end(), '\'', '"');
    std::ofstream(path()) << text;
  }
  ~ScenarioFile() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  ScenarioFile(const ScenarioFile&) = delete;
  ScenarioFile& operator=(const ScenarioFile&) = delete;

  std::string path() const { return folder_ + "/scenario.json"; }
  std::string uri(const std::string& query) const {
    return "mock://" + path() + (query.empty() ? "" : "?" + query);
  }

 private:
  std::string folder_;
};

/// An engine of its own that begins as a scenario says. Time jumps unless the query says otherwise.
struct Opened {
  explicit Opened(const std::string& text, const std::string& query = "clock=auto") {
    const ScenarioFile file(text);
    auto opened = openMock(file.uri(query));
    if (!opened) throw std::runtime_error(opened.error().message);
    runtime = *opened;
    mock = runtime->extension<testing::MockControl>();
    clock = mock->fakeClock();
  }

  ContainerRuntime* operator->() const { return runtime.get(); }
  ContainerInfo look(const std::string& name) const {
    const auto info = runtime->inspect({name}, {});
    EXPECT_TRUE(info) << info.error().message;
    return info ? *info : ContainerInfo{};
  }
  bool there(const std::string& name) const { return runtime->inspect({name}, {}).has_value(); }
  int exitCode(const std::string& name) const {
    const auto info = look(name);
    return info.exit ? info.exit->exit_code.value_or(-1) : -1;
  }
  std::string logged(const std::string& name, LogOptions options = {}) const {
    std::string text;
    auto log = runtime->logs({name}, options, {});
    EXPECT_TRUE(log) << log.error().message;
    while (auto output = (*log)->next({})) {
      if (!*output) break;
      text += (*output)->bytes;
    }
    return text;
  }
  StatsSample sample(const std::string& name) const {
    const ContainerId id{name};
    auto samples = runtime->stats({&id, 1}, {});
    EXPECT_TRUE(samples.front()) << samples.front().error().message;
    return samples.front() ? *samples.front() : StatsSample{};
  }
  std::unique_ptr<EventStream> events() const { return std::move(*runtime->events({}, {})); }

  std::shared_ptr<ContainerRuntime> runtime;
  testing::MockControl* mock = nullptr;
  testing::FakeClock* clock = nullptr;
};

inline std::vector<std::string> wordsOf(EventStream& events) {
  std::vector<std::string> words;
  while (auto event = events.next(kAtOnce)) {
    if (!*event) break;
    words.push_back((*event)->raw_type);
  }
  return words;
}

}  // namespace control::mock
