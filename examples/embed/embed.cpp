// A small tool on libcontrol: lists containers, stops one, watches what happens to them.
//
//   embed list
//   embed stop NAME [SIGNAL] [SECONDS]
//   embed watch [SECONDS]
//
// Every call returns a Result: a value, or an Error with a reason to show.

#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <iomanip>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <libcontrol/loader.h>

namespace {

using control::CallContext;
using control::ContainerRuntime;
using control::Error;
using control::Result;
using Words = std::vector<std::string>;

constexpr const char* kUsage =
    "usage: embed [--runtime URI] list\n"
    "       embed [--runtime URI] stop NAME [SIGNAL] [SECONDS]\n"
    "       embed [--runtime URI] watch [SECONDS]\n"
    "URI is docker:/// unless given; SIGNAL is a name or a number; SECONDS may have a fraction.\n";

Error wrongUse(std::string why) {
  return {.code = control::ErrorCode::kInvalidArgument, .message = std::move(why)};
}

Result<control::Duration> parseSeconds(const std::string& text) {
  double seconds = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc{} || end != text.data() + text.size() || !(seconds >= 0 && seconds < 1e6))
    return wrongUse("'" + text + "' is no number of seconds");
  return control::Duration(std::llround(seconds * 1e9));
}

Result<void> list(ContainerRuntime& engine, const Words&) {
  const auto containers = engine.list({}, CallContext::within(std::chrono::seconds(10)));
  if (!containers) return containers.error();
  for (const control::ContainerSummary& one : *containers)
    std::cout << std::left << std::setw(28) << one.name << std::setw(10) << toString(one.state)
              << one.image << '\n';
  std::cout << containers->size() << (containers->size() == 1 ? " container\n" : " containers\n");
  return {};
}

Result<void> stop(ContainerRuntime& engine, const Words& arguments) {
  if (arguments.empty()) return wrongUse("which container?");
  control::StopOptions options;
  if (arguments.size() > 1) {
    const auto signal = control::Signal::parse(arguments[1]);
    if (!signal) return signal.error();
    options.signal = *signal;
  }
  if (arguments.size() > 2) {
    const auto timeout = parseSeconds(arguments[2]);
    if (!timeout) return timeout.error();
    options.timeout = *timeout;
  }
  // The grace period is in `options`. This call itself may take as long as that needs.
  const auto report = engine.stop({arguments[0]}, options, {});
  if (!report) return report.error();
  std::cout << arguments[0] << ": " << toString(report->outcome);
  if (report->exit && report->exit->exit_code)
    std::cout << ", exit code " << *report->exit->exit_code;
  std::cout << '\n';
  return {};
}

Result<void> watch(ContainerRuntime& engine, const Words& arguments) {
  CallContext context;
  if (!arguments.empty()) {
    const auto duration = parseSeconds(arguments[0]);
    if (!duration) return duration.error();
    context = CallContext::within(*duration);
  }
  const auto events = engine.events({}, context);
  if (!events) return events.error();
  while (true) {
    const auto event = (*events)->next(context);
    if (!event && event.error().code == control::ErrorCode::kDeadlineExceeded) return {};
    if (!event) return event.error();
    if (!event->has_value()) return {};
    std::cout << std::left << std::setw(12) << toString((*event)->type) << (*event)->name;
    if ((*event)->exit_code) std::cout << ", exit code " << *(*event)->exit_code;
    std::cout << std::endl;
  }
}

std::string fromEnvironment(std::string_view name) {
  const char* value = std::getenv(std::string(name).c_str());
  return value != nullptr ? value : "";
}

Result<void> run(const std::string& uri, const Words& words) {
  using Command = std::function<Result<void>(ContainerRuntime&, const Words&)>;
  static const std::map<std::string, Command> kCommands{
      {"list", list}, {"stop", stop}, {"watch", watch}};
  if (words.empty()) return wrongUse("say what to do");
  const auto command = kCommands.find(words.front());
  if (command == kCommands.end()) return wrongUse("unknown command '" + words.front() + "'");

  control::LoadOptions options;
  options.host.environment = fromEnvironment;  // DOCKER_HOST counts: this is a user's tool
  const auto runtime = control::loadRuntime(uri, options);
  if (!runtime) return runtime.error();
  return command->second(**runtime, Words(words.begin() + 1, words.end()));
}

}  // namespace

int main(int argc, char** argv) {
  Words words(argv + 1, argv + argc);
  std::string uri = "docker:///";
  if (words.size() >= 2 && words[0] == "--runtime") {
    uri = words[1];
    words.erase(words.begin(), words.begin() + 2);
  }
  const Result<void> done = run(uri, words);
  if (done) return 0;
  std::cerr << "embed: " << done.error().message << '\n';
  if (words.empty()) std::cerr << kUsage;
  return words.empty() ? 2 : 1;
}
