#include "console.h"

namespace panel {

using Object = Poco::JSON::Object::Ptr;

std::string Console::showLines(const std::string& server, const Object& payload,
                               std::uint64_t& last) {
  const Reply reply = panel_.ask("get_server_logs", server, payload, node_);
  if (!reply.error.empty()) return reply.error;
  const Poco::JSON::Array::Ptr lines =
      reply.data.isNull() ? Poco::JSON::Array::Ptr() : reply.data->getArray("lines");
  for (unsigned i = 0; !lines.isNull() && i < lines->size(); ++i)
    screen_.line(printable(text(lines->getObject(i), "message")));
  if (const std::string problem = text(reply.data, "problem"); !problem.empty())
    screen_.line("[" + problem + "]");
  const std::string number = text(reply.data, "lastSeq");
  last = number.empty() ? 0 : std::stoull(number);
  return {};
}

std::string Console::console(const Words& arguments) {
  constexpr int kHistory = 50;
  const std::string& server = arguments[0];
  Object payload = new Poco::JSON::Object;
  payload->set("lines", kHistory);
  panel_.focus(server);
  std::uint64_t last = 0;
  if (const std::string problem = showLines(server, payload, last); !problem.empty()) {
    panel_.focus("");
    return problem;
  }
  panel_.showFrom(last);
  talks_to_ = server;
  return {};
}

std::string Console::talk(const std::string& line) {
  if (line == ".") {
    talks_to_.clear();
    panel_.focus("");
    return {};
  }
  Object payload = new Poco::JSON::Object;
  payload->set("command", line.empty() ? "\n" : line);
  return panel_.ask("send_command", talks_to_, payload, node_).error;
}

std::string Console::logs(const Words& arguments) {
  Object payload = new Poco::JSON::Object;
  std::string wanted;
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const auto number = i == 1 ? parseNumber(arguments[i]) : std::nullopt;
    if (number)
      payload->set("lines", static_cast<int>(*number));
    else
      wanted += (wanted.empty() ? "" : " ") + arguments[i];
  }
  if (!wanted.empty()) payload->set("search", wanted);
  std::uint64_t last = 0;
  return showLines(arguments[0], payload, last);
}

}  // namespace panel
