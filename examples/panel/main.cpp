// A small panel, to try an agent with: takes agents, and commands from a prompt or a script.

#include <Poco/Exception.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <utility>
#include <vector>

#include "agent_listener.h"
#include "console.h"
#include "panel.h"
#include "screen.h"

namespace {

constexpr const char* kUsage =
    "usage: panel [options]\n"
    "  --listen ADDRESS:PORT  where agents connect; default 127.0.0.1:8080, port 0 takes a free "
    "one\n"
    "  --secret-file FILE     holds what agents must know; else the variable PANEL_SECRET does\n"
    "  --script FILE          runs these commands first; the first that fails ends the panel with "
    "1\n"
    "  --prompt               goes on with the prompt after the script\n"
    "  --set NAME=VALUE       what ${NAME} stands for in commands; may be repeated\n"
    "  --port-file FILE       writes the port there once agents can connect\n"
    "  --help\n";

struct Options {
  std::string listen = "127.0.0.1:8080";
  std::string secret_file;
  std::string script;
  std::string port_file;
  std::vector<std::pair<std::string, std::string>> variables;
  bool prompt = false;
  bool help = false;
};

/// Empty on success, else what is wrong.
std::string parse(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--prompt" || name == "--help") {
      (name == "--prompt" ? options.prompt : options.help) = true;
      continue;
    }
    if (i + 1 == argc) return "'" + name + "' is unknown, or its value is missing";
    const std::string value = argv[++i];
    if (name == "--listen") {
      options.listen = value;
    } else if (name == "--secret-file") {
      options.secret_file = value;
    } else if (name == "--script") {
      options.script = value;
    } else if (name == "--port-file") {
      options.port_file = value;
    } else if (name == "--set" && value.find('=') != std::string::npos) {
      options.variables.emplace_back(value.substr(0, value.find('=')),
                                     value.substr(value.find('=') + 1));
    } else {
      return "'" + name + " " + value + "' is not understood";
    }
  }
  return {};
}

std::string readSecret(const Options& options) {
  std::string secret;
  if (!options.secret_file.empty()) {
    std::ifstream file(options.secret_file);
    std::getline(file, secret);
  } else if (const char* value = std::getenv("PANEL_SECRET")) {
    secret = value;
    ::unsetenv("PANEL_SECRET");
  }
  return secret;
}

/// 0: the output goes elsewhere.
std::size_t columnsOfTerminal() {
  constexpr std::size_t kUsual = 80;
  if (::isatty(STDOUT_FILENO) == 0) return 0;
  winsize size{};
  const bool is_known = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return is_known ? size.ws_col : kUsual;
}

int run(const Options& options) {
  const std::string secret = readSecret(options);
  if (secret.empty()) {
    std::cerr << "panel: no secret: give --secret-file FILE or set PANEL_SECRET\n";
    return 2;
  }
  panel::Screen screen(std::cout, columnsOfTerminal());
  panel::Panel panel(screen);
  panel::AgentListener listener(options.listen, secret, panel);
  panel.setListener(&listener);
  const std::string port = std::to_string(listener.port());
  screen.line("taking agents at ws://" + options.listen.substr(0, options.listen.rfind(':') + 1) +
              port);
  if (!options.port_file.empty()) std::ofstream(options.port_file) << port << '\n';

  panel::Console console(panel, screen);
  for (const auto& [name, value] : options.variables) console.set(name, value);
  if (!options.script.empty()) {
    std::ifstream script(options.script);
    if (!script) {
      std::cerr << "panel: cannot read '" << options.script << "'\n";
      return 2;
    }
    if (!console.runScript(script, options.script)) return 1;
  }
  if (options.script.empty() || options.prompt) {
    if (::isatty(STDIN_FILENO) != 0) screen.line("'help' lists what can be said here");
    console.runPrompt(std::cin);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  Options options;
  if (const std::string problem = parse(argc, argv, options); !problem.empty()) {
    std::cerr << "panel: " << problem << '\n' << kUsage;
    return 2;
  }
  if (options.help) {
    std::cout << kUsage;
    return 0;
  }
  try {
    return run(options);
  } catch (const Poco::Exception& failure) {
    std::cerr << "panel: cannot listen at " << options.listen << ": " << failure.displayText()
              << '\n';
    return 1;
  }
}
