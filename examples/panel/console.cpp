#include "console.h"

#include <Poco/Exception.h>
#include <Poco/JSON/Parser.h>

#include <sstream>
#include <thread>

#include "create_words.h"

namespace panel {
namespace {

using Object = Poco::JSON::Object::Ptr;
constexpr double kPatience = 30;

/// The argument at `index` as seconds, `otherwise` when it is not there; nullopt: not a number.
std::optional<Panel::Seconds> seconds(const Words& arguments, std::size_t index,
                                      double otherwise = kPatience) {
  if (arguments.size() <= index) return Panel::Seconds(otherwise);
  const auto number = parseNumber(arguments[index]);
  if (!number || *number > 86'400) return std::nullopt;
  return Panel::Seconds(*number);
}

const char* const kNoSeconds = "the time is given in seconds, as 2 or 0.5";

}  // namespace

const std::map<std::string, Console::Command>& Console::commands() {
  static const std::map<std::string, Command> kCommands{
      {"nodes", {&Console::nodes, 0, "nodes", "the agents that are connected"}},
      {"use", {&Console::use, 1, "use NODE", "which agent new servers go to"}},
      {"create",
       {&Console::create, 1, "create ID image=… [startup='…'] [memory=64m] [key=value…]",
        "makes a server; also cpu, pids, disk=5g, swap, io, port=HOST:INSIDE, env.NAME, "
        "label.NAME, stop.signal, stop.command, stop.timeout, restart=on-failure:3, tty, start, "
        "readiness=console:TEXT (or pattern:RE2, tcp:PORT, minecraft:PORT, source:PORT, health), "
        "readiness.interval, readiness.timeout"}},
      {"start", {&Console::start, 1, "start ID", "starts a server"}},
      {"stop", {&Console::stop, 1, "stop ID [SIGNAL] [SECONDS]", "asks it to end, then kills it"}},
      {"restart", {&Console::restart, 1, "restart ID [SIGNAL] [SECONDS]", "stop, then start"}},
      {"kill", {&Console::kill, 1, "kill ID", "ends it at once"}},
      {"delete", {&Console::remove, 1, "delete ID [data]", "removes it, with its files if asked"}},
      {"status", {&Console::status, 1, "status ID", "its state and what it uses"}},
      {"list", {&Console::list, 0, "list", "the servers of the agent"}},
      {"info", {&Console::info, 0, "info", "what the agent's host is"}},
      {"send", {&Console::send, 1, "send ACTION [ID] [JSON]", "any command with any payload"}},
      {"ls", {&Console::ls, 1, "ls ID [PATH]", "the files of a server"}},
      {"cat", {&Console::cat, 2, "cat ID PATH", "shows a file of text"}},
      {"put", {&Console::put, 2, "put ID FILE [PATH]", "sends a file to a server"}},
      {"get", {&Console::get, 2, "get ID PATH [FILE]", "fetches a file of a server"}},
      {"archive",
       {&Console::archive, 3, "archive ID ARCHIVE PATH…",
        "packs files of a server into a zip, tar, tar.gz or tar.zst"}},
      {"extract",
       {&Console::extract, 2, "extract ID ARCHIVE [FOLDER]",
        "unpacks an archive beside itself, or into FOLDER"}},
      {"backup",
       {&Console::backup, 1, "backup ID [BACKUP]", "copies all files of a server to safety"}},
      {"backups", {&Console::backups, 1, "backups ID", "the backups of a server"}},
      {"restore",
       {&Console::restore, 2, "restore ID BACKUP",
        "gives a stopped server the files of a backup, instead of those it has"}},
      {"rmbackup", {&Console::rmbackup, 2, "rmbackup ID BACKUP", "removes a backup"}},
      {"pull", {&Console::pull, 1, "pull IMAGE", "fetches an image from its registry"}},
      {"images", {&Console::images, 0, "images", "the images that are on the agent's host"}},
      {"rmimage", {&Console::rmimage, 1, "rmimage IMAGE", "removes an image that was pulled here"}},
      {"prune", {&Console::prune, 0, "prune", "removes those of them that no server uses"}},
      {"console",
       {&Console::console, 1, "console ID",
        "what it wrote and writes; lines go to its stdin, '.' leaves"}},
      {"logs",
       {&Console::logs, 1, "logs ID [LINES] [TEXT]", "what it wrote last, with TEXT in it"}},
      {"watch", {&Console::watch, 0, "watch [on|off|stats]", "what is shown as it happens"}},
      {"agent", {&Console::agent, 0, "agent [SECONDS]", "waits for an agent to connect"}},
      {"wait",
       {&Console::wait, 2, "wait ID STATE [SECONDS]", "waits until the server is in STATE"}},
      {"done", {&Console::done, 0, "done [SECONDS]", "waits for the end of the last command"}},
      {"expect",
       {&Console::expect, 2, "expect ID [state=…] [reason=…] [exitCode=…] [signal=…]",
        "fails unless the last change was like that"}},
      {"refused",
       {&Console::refused, 2, "refused CODE COMMAND…", "the command must fail like that"}},
      {"sleep", {&Console::sleep, 1, "sleep SECONDS", "waits"}},
      {"say", {&Console::say, 0, "say TEXT", "shows a line"}},
      {"help", {&Console::help, 0, "help", "this list"}},
  };
  return kCommands;
}

bool Console::runScript(std::istream& script, const std::string& name) {
  int number = 0;
  for (std::string line; !quit_ && std::getline(script, line);) {
    ++number;
    const std::string problem = run(line);
    if (problem.empty()) continue;
    screen_.line(name + ":" + std::to_string(number) + ": " + line);
    screen_.line("FAILED: " + problem);
    return false;
  }
  return true;
}

void Console::runPrompt(std::istream& input) {
  screen_.prompt(promptText());
  for (std::string line; !quit_ && std::getline(input, line);) {
    screen_.prompt("");
    if (const std::string problem = run(line); !problem.empty()) screen_.line(problem);
    if (!quit_) screen_.prompt(promptText());
  }
}

std::string Console::promptText() const { return talks_to_.empty() ? "panel> " : talks_to_ + "> "; }

std::string Console::substitute(std::string line) const {
  for (const auto& [name, value] : variables_) {
    const std::string place = "${" + name + "}";
    for (std::size_t at = line.find(place); at != std::string::npos;
         at = line.find(place, at + value.size()))
      line.replace(at, place.size(), value);
  }
  return line;
}

std::string Console::run(const std::string& line) {
  if (!talks_to_.empty()) return talk(line);
  const auto words = splitWords(substitute(line));
  if (!words) return "a quote is not closed";
  if (words->empty()) return {};
  const std::string& verb = words->front();
  if (verb == "quit" || verb == "exit") {
    quit_ = true;
    return {};
  }
  const auto command = commands().find(verb);
  if (command == commands().end()) return "unknown word '" + verb + "'; 'help' lists all";
  const Words arguments(words->begin() + 1, words->end());
  if (arguments.size() < command->second.least) return std::string("use: ") + command->second.usage;
  return (this->*command->second.method)(arguments);
}

std::string Console::nodes(const Words&) {
  for (const std::string& node : panel_.nodes())
    screen_.line(node + (node == node_ ? "  (in use)" : ""));
  if (panel_.nodes().empty()) screen_.line("no agent is connected");
  return {};
}

std::string Console::use(const Words& arguments) {
  for (const std::string& node : panel_.nodes()) {
    if (node != arguments[0]) continue;
    node_ = node;
    return {};
  }
  return "no agent '" + arguments[0] + "' is connected; 'nodes' lists them";
}

std::string Console::begin(const std::string& action, const Words& arguments,
                           const Object& payload) {
  const Reply reply = panel_.ask(action, arguments.empty() ? "" : arguments[0], payload, node_);
  if (!reply.error.empty()) return reply.error;
  last_id_ = reply.id;
  return {};
}

std::string Console::create(const Words& arguments) {
  std::string problem;
  const Object payload = createPayload(Words(arguments.begin() + 1, arguments.end()), problem);
  return problem.empty() ? begin("create_server", arguments, payload) : problem;
}

std::string Console::start(const Words& arguments) { return begin("start_server", arguments); }
std::string Console::kill(const Words& arguments) { return begin("kill_server", arguments); }
std::string Console::stop(const Words& arguments) { return stopLike("stop_server", arguments); }
std::string Console::restart(const Words& arguments) {
  return stopLike("restart_server", arguments);
}

std::string Console::stopLike(const std::string& action, const Words& arguments) {
  Object payload = new Poco::JSON::Object;
  for (std::size_t i = 1; i < arguments.size() && i < 3; ++i) {
    // "stop web 5" is five seconds, "stop web 2 5" is signal 2.
    const auto number = parseNumber(arguments[i]);
    if (i == 2 && !number) return kNoSeconds;
    if (number && (i == 2 || arguments.size() == 2))
      payload->set("timeout", *number);
    else
      payload->set("signal", arguments[i]);
  }
  return begin(action, arguments, payload);
}

std::string Console::remove(const Words& arguments) {
  Object payload = new Poco::JSON::Object;
  if (arguments.size() > 1 && arguments[1] != "data") return "use: delete ID [data]";
  payload->set("removeData", arguments.size() > 1);
  return begin("delete_server", arguments, payload);
}

std::string Console::status(const Words& arguments) {
  const Reply reply = panel_.ask("get_status", arguments[0], {}, node_);
  if (reply.error.empty()) screen_.line(describe(reply.data));
  return reply.error;
}

std::string Console::list(const Words&) {
  const Reply reply = panel_.ask("list_servers", "", {}, node_);
  if (!reply.error.empty()) return reply.error;
  const Poco::JSON::Array::Ptr servers =
      reply.data.isNull() ? Poco::JSON::Array::Ptr() : reply.data->getArray("servers");
  if (servers.isNull() || servers->size() == 0) {
    screen_.line("no servers");
    return {};
  }
  for (unsigned i = 0; i < servers->size(); ++i) screen_.line(describe(servers->getObject(i)));
  return {};
}

std::string Console::info(const Words&) { return send({"get_system_info"}); }

std::string Console::send(const Words& arguments) {
  std::string server;
  Object payload;
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    if (!arguments[i].starts_with('{')) {
      server = arguments[i];
      continue;
    }
    try {
      payload = Poco::JSON::Parser().parse(arguments[i]).extract<Object>();
    } catch (const Poco::Exception& failure) {
      return "not a JSON object: " + failure.displayText();
    }
  }
  const Reply reply = panel_.ask(arguments[0], server, payload, node_);
  if (!reply.error.empty()) return reply.error;
  last_id_ = reply.id;
  std::ostringstream out;
  if (!reply.data.isNull()) reply.data->stringify(out, 2);
  screen_.line(out.str());
  return {};
}

std::string Console::watch(const Words& arguments) {
  const std::string what = arguments.empty() ? "on" : arguments[0];
  if (what != "on" && what != "off" && what != "stats") return "use: watch [on|off|stats]";
  panel_.watch(what == "off" ? Watch::kOff : what == "on" ? Watch::kChanges : Watch::kStats);
  return {};
}

std::string Console::agent(const Words& arguments) {
  const auto time = seconds(arguments, 0);
  if (!time) return kNoSeconds;
  return panel_.waitForNode(*time) ? "" : "no agent came";
}

std::string Console::wait(const Words& arguments) {
  const auto time = seconds(arguments, 2);
  if (!time) return kNoSeconds;
  if (panel_.waitForState(arguments[0], arguments[1], *time)) return {};
  const auto view = panel_.view(arguments[0]);
  return arguments[0] + " is " + (view ? "'" + view->state + "'" : "not known") + ", not '" +
         arguments[1] + "'";
}

std::string Console::done(const Words& arguments) {
  const auto time = seconds(arguments, 0);
  if (!time) return kNoSeconds;
  if (last_id_.empty()) return "no command was given";
  const auto outcome = panel_.waitForEnd(last_id_, *time);
  if (!outcome) return "the command has not ended";
  return outcome->error;
}

std::string Console::expect(const Words& arguments) {
  const auto view = panel_.view(arguments[0]);
  if (!view) return "nothing was heard of '" + arguments[0] + "'";
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const std::size_t equals = arguments[i].find('=');
    if (equals == std::string::npos) return "use: expect ID key=value…";
    const std::string key = arguments[i].substr(0, equals);
    const std::string wanted = arguments[i].substr(equals + 1);
    const auto fact = view->facts.find(key);
    const std::string found =
        key == "state" ? view->state : (fact == view->facts.end() ? "" : fact->second);
    if (found != wanted) return "expected " + key + " '" + wanted + "', found '" + found + "'";
  }
  return {};
}

std::string Console::refused(const Words& arguments) {
  const auto command = commands().find(arguments[1]);
  if (command == commands().end()) return "unknown word '" + arguments[1] + "'";
  const Words rest(arguments.begin() + 2, arguments.end());
  if (rest.size() < command->second.least) return std::string("use: ") + command->second.usage;
  const std::string problem = (this->*command->second.method)(rest);
  if (problem.starts_with(arguments[0] + ":")) return {};
  return "expected " + arguments[0] + ", found " + (problem.empty() ? "success" : problem);
}

std::string Console::sleep(const Words& arguments) {
  const auto time = seconds(arguments, 0);
  if (!time) return kNoSeconds;
  std::this_thread::sleep_for(*time);
  return {};
}

std::string Console::say(const Words& arguments) {
  std::string line;
  for (const std::string& word : arguments) line += (line.empty() ? "" : " ") + word;
  screen_.line(line);
  return {};
}

std::string Console::help(const Words&) {
  for (const auto& [verb, command] : commands())
    screen_.line(std::string("  ") + command.usage + "\n        " + command.purpose);
  screen_.line("  quit\n        ends the panel; servers and agents go on");
  return {};
}

}  // namespace panel
