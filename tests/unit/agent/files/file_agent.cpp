#include "unit/agent/files/file_agent.h"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include <sys/stat.h>

#include "unit/agent/whole/agent_on_mock.h"

namespace agent {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kPatience{60};

void addTo(std::ostringstream& print, const fs::path& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) throw std::runtime_error(path.string() + " is gone");
  print << path << ' ' << status.st_mode << ' ' << status.st_uid << ' ' << status.st_size << ' '
        << status.st_ino << ' ' << status.st_nlink << ' ' << status.st_mtim.tv_sec << '.'
        << status.st_mtim.tv_nsec << ' ' << status.st_ctim.tv_nsec;
  if (S_ISREG(status.st_mode)) print << ' ' << readFileAt(path.string());
  print << '\n';
}

}  // namespace

FileAgent::FileAgent() : runtime_(mockRuntime()) {
  config_.node_id = "node-1";
  config_.data_dir = directory_.path("data");
  config_.state_dir = directory_.path("state");
  config_.backup_dir = backups();
  config_.backups_kept = 3;
  config_.container_data_path = "/home/container";
  config_.rate_limit = 0;
  open();
  for (const char* id : {"a", "ab"}) {
    const std::string command = send("create_server", R"({"image":"game:1"})", id);
    const Json accepted = response(command);
    if (outcome(accepted) != "ok") throw std::runtime_error(accepted.write());
    const Json made = completed(command);
    if (at(made, "data.success") != "true") throw std::runtime_error(made.write());
  }
  fs::create_directories(outside() + "/deep/er");
  for (const std::string& path : {outside() + "/secret", outside() + "/deep/secret",
                                  outside() + "/deep/er/secret", rootOf("ab") + "/secret"})
    writeFileAt(path, std::string(kSecret) + '\n');
}

FileAgent::~FileAgent() { agent_->close(); }

void FileAgent::open() {
  agent_ = std::make_unique<Agent>(
      config_, runtime_, [this](const Outbound& message) { receive(message.text); },
      [] { return std::size_t{0}; });
  agent_->open();
}

void FileAgent::restart() {
  agent_->close();
  agent_.reset();
  open();
}

void FileAgent::receive(const std::string& text) {
  if (text.find(kSecret) != std::string::npos) leaked_ = true;
  // The same in base64, at each of its three positions.
  for (const char* part : {"Q0FOQVJZLTQ3MT", "NBTkFSWS00NzEx", "DQU5BUlktNDcxM"})
    if (text.find(part) != std::string::npos) leaked_ = true;
  const JsonReading reading = readJsonObject(text);
  if (!reading.value) throw std::runtime_error(reading.problem);
  const std::lock_guard lock(mutex_);
  const std::string* type = reading.value->findText("type");
  const std::string* id = reading.value->findText("id");
  if (*type == "response" && id != nullptr) {
    responses_[*id] = *reading.value;
  } else {
    (*type == "event" ? events_ : others_).push_back(*reading.value);
  }
  arrived_.notify_all();
}

std::string FileAgent::send(const std::string& action, const std::string& payload,
                            const std::string& server_id) {
  const std::string id = "cmd_" + std::to_string(++last_id_);
  agent_->onMessage(R"({"id":")" + id + R"(","type":"command","action":")" + action +
                    R"(","serverId":")" + server_id + R"(","payload":)" + payload + "}");
  return id;
}

Json FileAgent::response(const std::string& id) {
  std::unique_lock lock(mutex_);
  if (!arrived_.wait_for(lock, kPatience, [&] { return responses_.contains(id); }))
    throw std::runtime_error("no response to " + id);
  auto node = responses_.extract(id);
  return std::move(node.mapped());
}

Json FileAgent::ask(const std::string& action, const std::string& payload,
                    const std::string& server_id) {
  return response(send(action, payload, server_id));
}

std::vector<Json> FileAgent::events(const std::string& name) {
  const std::lock_guard lock(mutex_);
  std::vector<Json> found;
  for (const Json& event : events_)
    if (*event.findText("event") == name) found.push_back(event);
  return found;
}

Json FileAgent::completed(const std::string& id) {
  std::unique_lock lock(mutex_);
  Json found;
  const auto look = [&] {
    for (const Json& event : events_)
      if (*event.findText("event") == "command_completed" && at(event, "data.commandId") == id) {
        found = event;
        return true;
      }
    return false;
  };
  if (!arrived_.wait_for(lock, kPatience, look)) throw std::runtime_error("no end of " + id);
  return found;
}

Json FileAgent::message(const std::string& type) {
  std::unique_lock lock(mutex_);
  Json found;
  const auto look = [&] {
    for (const Json& other : others_)
      if (*other.findText("type") == type) {
        found = other;
        return true;
      }
    return false;
  };
  if (!arrived_.wait_for(lock, kPatience, look)) throw std::runtime_error("no " + type);
  return found;
}

std::string FileAgent::fingerprintOfOutside() const {
  std::ostringstream print;
  for (const std::string& top : {outside(), rootOf("ab")}) {
    addTo(print, top);
    std::vector<fs::path> paths;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(top))
      paths.push_back(entry.path());
    std::sort(paths.begin(), paths.end());
    for (const fs::path& path : paths) addTo(print, path);
  }
  return print.str();
}

std::string outcome(const Json& response) {
  return at(response, "success") == "true" ? "ok" : at(response, "error.code");
}

void writeFileAt(const std::string& path, const std::string& content) {
  std::ofstream file(path, std::ios::binary);
  file << content;
  if (!file.flush()) throw std::runtime_error("cannot write " + path);
}

std::string readFileAt(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return "(there is no such file)";
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

}  // namespace agent
