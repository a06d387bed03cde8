#include <algorithm>
#include <array>
#include <cmath>
#include <memory>

#include "agent/actions/disk.h"
#include "agent/actions/files.h"
#include "agent/actions/files_fields.h"

namespace agent {
namespace {

using files::ArchiveFormat;
using files::CheckedPath;

constexpr std::chrono::milliseconds kProgressInterval{250};
constexpr std::size_t kMostPaths = 1000;

ArchiveFormat readFormat(const Fields& fields, const CheckedPath& to) {
  const std::optional<std::string> named = fields.text("format");
  const auto format = files::formatOfName(named ? "x." + *named : to.name());
  if (!format)
    fields.refuse(named ? "format" : "destination",
                  named ? "must be \"zip\", \"tar\", \"tar.gz\" or \"tar.zst\""
                        : "must end with .zip, .tar, .tar.gz or .tar.zst, or payload.format must "
                          "say which it is");
  return *format;
}

/// `paths` or `files`, a list; or `path`, one.
std::vector<CheckedPath> readPaths(const Fields& fields, const CheckedPath& directory) {
  const std::string_view name = fields.find("files") != nullptr ? "files" : "paths";
  const Json* given = fields.find(name);
  if (given == nullptr) {
    const CheckedPath path = readPath(fields, {"path", "source"});
    if (!path.isIn(directory))
      fields.refuse(fields.find("directory") != nullptr ? "directory" : "root",
                    "is '" + directory.shown() + "', which '" + path.shown() +
                        "' is not in: names in the archive are relative to it; path is one from "
                        "the server's directory, paths and files are from there");
    return {path};
  }
  const Json::Array* list = given->elements();
  if (list == nullptr || list->empty() || list->size() > kMostPaths)
    fields.refuse(name, "must be a list of 1 to " + std::to_string(kMostPaths) + " paths");
  std::vector<CheckedPath> paths;
  for (const Json& path : *list) {
    if (path.text() == nullptr) fields.refuse(name, "must hold text only");
    paths.push_back(CheckedPath::parse(directory.shown() + '/' + *path.text()));
  }
  return paths;
}

/// No more than the server may still take. Holes count for that and not on the host, whose reserve
/// is looked after on the way.
files::ArchiveWork workFor(Services& services, const Command& command, std::stop_token stop,
                           ProgressEvents& events) {
  files::ArchiveWork work;
  work.patience = files::Patience(std::move(stop), kSlowFilesTimeout);
  work.limits.bytes = std::min(work.limits.bytes, limitRoomOf(services, command.server_id));
  work.progress =
      [&events, meter = std::make_shared<ReserveMeter>(services.reserve, services.config.data_dir)](
          const files::ArchiveProgress& progress) {
        meter->passed(progress.bytes);
        events.tell(progress);
      };
  return work;
}

Json encodeArchived(Json data, const files::Archived& done) {
  data.set("entries", done.entries).set("bytes", done.bytes);
  data.set("size", done.size).set("skipped", done.skipped);
  return data;
}

Json createArchive(Services& services, const Command& command, std::stop_token stop) {
  const Fields fields = command.fields();
  const CheckedPath directory = readPath(fields, {"directory", "root"}, true);
  const std::vector<CheckedPath> paths = readPaths(fields, directory);
  const CheckedPath to = readPath(fields, {"destination", "archive", "to"});
  const ArchiveFormat format = readFormat(fields, to);
  ProgressEvents events(services, command, "archive_progress");
  const files::Archived done = files::createArchive(
      openFiles(services, command), directory, paths, to, format, readPutOptions(fields, true),
      workFor(services, command, std::move(stop), events));
  return encodeArchived(answerFor(command, to), done);
}

Json extractArchive(Services& services, const Command& command, std::stop_token stop) {
  const Fields fields = command.fields();
  const CheckedPath from = readPath(fields, {"path", "archive", "source"});
  const bool beside = fields.find("destination") == nullptr && fields.find("directory") == nullptr;
  const CheckedPath to =
      beside ? from.parent() : readPath(fields, {"destination", "directory"}, true);
  ProgressEvents events(services, command, "archive_progress");
  const files::Archived done =
      files::extractArchive(openFiles(services, command), from, to, readPutOptions(fields, true),
                            workFor(services, command, std::move(stop), events));
  Json data = answerFor(command, from);
  data.set("destination", to.shown());
  return encodeArchived(std::move(data), done);
}

Json cancelOperation(Services& services, const Command& command, std::stop_token) {
  const std::string id = command.fields().requiredText("commandId");
  Json data;
  data.set("serverId", command.server_id).set("commandId", id);
  data.set("cancelled", services.server_work.cancel(command.server_id, id));
  return data;
}

constexpr Action cancelAction() {
  Action action{.name = "cancel_operation"};
  action.needs_server = true;
  action.result = cancelOperation;
  return action;
}

using enum ServerWork::Pace;

constexpr std::array kArchiveActions = {
    fileAction("create_archive", createArchive, kSlow, false),
    fileAction("extract_archive", extractArchive, kSlow, false),
    cancelAction(),
};

}  // namespace

std::span<const Action> archiveActions() { return kArchiveActions; }

void ProgressEvents::tell(const files::ArchiveProgress& progress) {
  const auto now = std::chrono::steady_clock::now();
  if (told_ && now - *told_ < kProgressInterval) return;
  told_ = now;
  Json data;
  data.set("serverId", command_.server_id).set("commandId", command_.id);
  data.set("action", command_.action);
  data.set("entries", progress.entries).set("bytes", progress.bytes);
  if (progress.size > 0) {
    const double share =
        static_cast<double>(progress.consumed) / static_cast<double>(progress.size);
    data.set("percentage", std::round(std::min(share, 1.0) * 1000) / 10);
  }
  services_.out.event(event_, std::move(data), Delivery::kStream);
}

}  // namespace agent
