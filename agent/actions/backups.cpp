#include <algorithm>
#include <array>
#include <memory>

#include "agent/actions/disk.h"
#include "agent/actions/files.h"
#include "agent/actions/files_fields.h"
#include "agent/actions/line_ends.h"
#include "agent/actions/quiet_server.h"
#include "agent/files/backup.h"
#include "agent/files/tree.h"
#include "agent/panel/failure.h"
#include "agent/panel/message.h"

namespace agent {
namespace {

using files::BackupInfo;
using files::Backups;

constexpr std::chrono::hours kBackupTimeout{12};
/// Where a file holds very many, they are read and packed: in an hour.
constexpr std::int64_t kMostHoles = std::int64_t{4} << 40;
constexpr std::size_t kMostPatterns = 100;

Backups backupsOf(const Services& services, const Command& command) {
  return Backups(services.config.backup_dir, command.server_id);
}

std::optional<std::string> readId(const Fields& fields) {
  std::optional<std::string> id = fields.text("backupId");
  if (id && !isServerId(*id))
    fields.refuse("backupId",
                  "must be 1 to 64 of A-Z a-z 0-9 . _ - and start with a letter or digit");
  return id;
}

std::string requireId(const Fields& fields) {
  (void)fields.requiredText("backupId");
  return *readId(fields);
}

/// A list of texts, or one text with a pattern on each line.
std::vector<std::string> readIgnore(const Fields& fields) {
  std::vector<std::string> patterns;
  const Json* given = fields.find("ignore");
  if (given == nullptr) return patterns;
  const auto add = [&](const std::string& pattern) {
    if (pattern.empty() || pattern.front() == '#') return;
    if (pattern.front() == '!') fields.refuse("ignore", "must not hold patterns that begin with !");
    patterns.push_back(pattern);
    if (patterns.size() > kMostPatterns || pattern.size() > 1024)
      fields.refuse("ignore",
                    "must be at most " + std::to_string(kMostPatterns) + " patterns of 1024 bytes");
  };
  if (given->text() != nullptr) {
    const std::string text = withPlainLineEnds(*given->text());
    for (std::size_t begin = 0; begin <= text.size();) {
      const std::size_t end = std::min(text.find('\n', begin), text.size());
      add(text.substr(begin, end - begin));
      begin = end + 1;
    }
    return patterns;
  }
  if (given->elements() == nullptr) fields.refuse("ignore", "must be a list of patterns");
  for (const Json& pattern : *given->elements()) {
    if (pattern.text() == nullptr) fields.refuse("ignore", "must hold text only");
    add(*pattern.text());
  }
  return patterns;
}

files::BackupOptions readOptions(const Services& services, const Fields& fields) {
  files::BackupOptions options;
  options.id = readId(fields).value_or("");
  options.name = fields.text("name").value_or("");
  if (options.name.size() > 256 || options.name.find('\n') != std::string::npos)
    fields.refuse("name", "must be one line of at most 256 bytes");
  options.ignore = readIgnore(fields);
  options.bytes_per_second = services.config.backup_rate;
  return options;
}

Json encodeBackup(const BackupInfo& backup) {
  Json data;
  data.set("backupId", backup.id).set("name", backup.name);
  data.set("created", encodeFileTime(backup.created_ns)).set("size", backup.size);
  data.set("sha256", backup.sha256).set("bytes", backup.bytes);
  data.set("entries", backup.entries).set("skipped", backup.skipped);
  return data;
}

/// `path`: what is written to. The host's reserve is looked after on the way.
files::ArchiveWork backupWork(const Services& services, const std::string& path,
                              std::stop_token stop, ProgressEvents& events) {
  files::ArchiveWork work;
  work.patience = files::Patience(std::move(stop), kBackupTimeout);
  work.limits = {.entries = INT64_MAX,
                 .depth = 2 * files::TreeWalk::kDeepest,
                 .bytes = INT64_MAX,
                 .holes = kMostHoles};
  work.progress = [&events, meter = std::make_shared<ReserveMeter>(services.reserve, path)](
                      const files::ArchiveProgress& progress) {
    meter->passed(progress.bytes);
    events.tell(progress);
  };
  return work;
}

/// Runs accepted work in its turn and tells its end.
template <class Work>
control::Result<void> beginBackupWork(Services& services, const Command& command,
                                      const std::string& operation_id, Work work) {
  auto task = [&services, command, operation_id, work](std::stop_token stop) {
    const control::WallTime began_at = services.runtime.clock().wallNow();
    const auto began = std::chrono::steady_clock::now();
    Json data;
    data.set("commandId", command.id).set("action", command.action);
    data.set("serverId", command.server_id);
    Outcome outcome{.success = true};
    Json result;
    try {
      files::requireWanted(stop);
      result = work(std::move(stop));
    } catch (const std::exception&) {
      Failure failure = currentFailure(command.action);
      outcome = {
          .success = false, .code = std::move(failure.code), .message = std::move(failure.message)};
    }
    data.set("success", outcome.success);
    data.set("durationMs",
             static_cast<std::int64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                           std::chrono::steady_clock::now() - began)
                                           .count()));
    if (outcome.success)
      data.set("result", std::move(result));
    else
      data.set("error", encodeError(outcome.code, outcome.message));
    (void)services.operations.take(operation_id);
    outcome.at = services.runtime.clock().wallNow();
    services.journal.end(command.id, outcome, true);
    services.ends.note({.id = command.id,
                        .action = command.action,
                        .server_id = command.server_id,
                        .at = began_at,
                        .outcome = outcome});
    services.out.event("command_completed", std::move(data));
  };
  if (!services.server_work.post(command.server_id, ServerWork::Pace::kBackup, command.id,
                                 std::move(task), command.bytes()))
    throw Refusal("BUSY", "too many backups of this server wait already; try again later");
  return {};
}

control::Result<void> createBackup(Services& services, const Command& command,
                                   const std::string& operation_id) {
  const files::BackupOptions options = readOptions(services, command.fields());
  const ConsoleAround around =
      readConsoleAround(command.fields(), services.config.console_bytes > 0);
  (void)openFiles(services, command);  // refuses before it is accepted
  return beginBackupWork(
      services, command, operation_id, [&services, command, options, around](std::stop_token stop) {
        ProgressEvents events(services, command, "backup_progress");
        const files::ArchiveWork work =
            backupWork(services, services.config.backup_dir, std::move(stop), events);
        Backups backups = backupsOf(services, command);
        std::optional<QuietServer> quiet;
        const BackupInfo made = backups.create(openFiles(services, command), options, work, [&] {
          quiet.emplace(services.supervisor, command.server_id, around, work.patience);
        });
        const bool was_told = quiet->wasTold();
        quiet.reset();
        backups.keepNewest(services.config.backups_kept, made.id);
        return encodeBackup(made).set("consoleTold", was_told);
      });
}

void requireAtRest(const Services& services, const Command& command) {
  const auto status = services.supervisor.status(command.server_id);
  if (!status) throw requestRefusal(status.error(), command.server_id, services.paths());
  using control::EntryState;
  if (status->state == EntryState::kCreated || status->state == EntryState::kStopped ||
      status->state == EntryState::kFailed)
    return;
  throw Refusal("INVALID_STATE", "server '" + command.server_id + "' is " +
                                     std::string(control::toString(status->state)) +
                                     "; stop it before a backup is restored");
}

/// What was accepted before the restore, a start too, may end only now; for what comes after it the
/// server is marked.
void requireStillAtRest(const Services& services, const Command& command,
                        const files::Patience& patience) {
  constexpr int kLooks = 20;
  const auto is_changed = [&] {
    const std::vector<Operation> all = services.operations.inProgress();
    return std::any_of(all.begin(), all.end(), [&](const Operation& operation) {
      return operation.server_id == command.server_id && operation.action != "create_backup" &&
             operation.action != "restore_backup";
    });
  };
  for (int look = 0; is_changed(); ++look) {
    if (look == kLooks)
      throw Refusal("INVALID_STATE", "server '" + command.server_id +
                                         "' is still being changed by an earlier command; nothing "
                                         "was restored: try again when that has ended");
    patience.wait(std::chrono::milliseconds(100));
    patience.check();
  }
  requireAtRest(services, command);
  // Work on its files that came before; what comes now is refused.
  while (services.server_work.isBusy(command.server_id)) {
    patience.wait(std::chrono::milliseconds(20));
    patience.check();
  }
}

/// From acceptance to end, so that no start comes in between.
class RestoreMark {
 public:
  RestoreMark(ServerNotes& notes, std::string server_id)
      : notes_(notes), server_id_(std::move(server_id)) {
    notes_.markRestoring(server_id_);
  }
  ~RestoreMark() { end(); }
  RestoreMark(const RestoreMark&) = delete;
  RestoreMark& operator=(const RestoreMark&) = delete;

  void end() {
    if (!ended_.exchange(true)) notes_.endRestoring(server_id_);
  }

 private:
  ServerNotes& notes_;
  const std::string server_id_;
  std::atomic<bool> ended_{false};
};

control::Result<void> restoreBackup(Services& services, const Command& command,
                                    const std::string& operation_id) {
  const std::string id = requireId(command.fields());
  if (services.notes.isRestoring(command.server_id))
    throw Refusal("INVALID_STATE", "a backup is being restored to this server already");
  const auto mark = std::make_shared<RestoreMark>(services.notes, command.server_id);
  requireAtRest(services, command);
  return beginBackupWork(
      services, command, operation_id, [&services, command, id, mark](std::stop_token stop) {
        // Before the end is told: the panel may start the server at once.
        const std::shared_ptr<void> ending(nullptr, [&mark](void*) { mark->end(); });
        ProgressEvents events(services, command, "backup_progress");
        const std::string& data_dir = services.config.data_dir;
        const files::ArchiveWork restoring =
            backupWork(services, data_dir, std::move(stop), events);
        const files::RestoreTo place{
            .data_dir = data_dir,
            .quota = services.files.quota(),
            .limit_bytes = services.notes.disk(command.server_id).limit_bytes.value_or(0),
            .replaced = [&services](const std::string& name) { removeReplaced(services, name); }};
        const files::Archived done =
            backupsOf(services, command).restore(id, place, restoring, [&](int restored) {
              requireWithinLimit(services, command.server_id, restored);
              requireStillAtRest(services, command, restoring.patience);
            });
        services.disk.replaced(command.server_id);
        Json result;
        result.set("backupId", id).set("entries", done.entries).set("bytes", done.bytes);
        return result;
      });
}

Json listBackups(Services& services, const Command& command, std::stop_token) {
  Json all = Json::array();
  for (const BackupInfo& backup : backupsOf(services, command).list())
    all.add(encodeBackup(backup));
  Json data;
  data.set("serverId", command.server_id).set("backups", std::move(all));
  return data;
}

Json deleteBackup(Services& services, const Command& command, std::stop_token) {
  const std::string id = requireId(command.fields());
  backupsOf(services, command).remove(id);
  Json data;
  data.set("serverId", command.server_id).set("backupId", id).set("deleted", true);
  return data;
}

Json downloadBackup(Services& services, const Command& command, std::stop_token) {
  const Fields fields = command.fields();
  const std::string id = requireId(fields);
  const std::int64_t offset = fields.integer("offset", 0, INT64_MAX).value_or(0);
  const std::int64_t length =
      fields.integer("length", 1, files::kMostContent).value_or(files::kMostContent);
  const Backups backups = backupsOf(services, command);
  const BackupInfo backup = backups.find(id);
  const files::Piece piece = backups.read(id, offset, length);
  Json data;
  data.set("serverId", command.server_id).set("backupId", id);
  data.set("size", piece.size).set("sha256", backup.sha256);
  data.set("offset", offset).set("length", piece.bytes.size()).set("eof", piece.atEnd());
  setContent(data, piece.bytes, Encoding::kBase64, fields);
  return data;
}

constexpr Action longBackupAction(std::string_view name, std::string_view acceptance,
                                  decltype(Action::begin) begin) {
  Action action{.name = name};
  action.needs_server = true;
  action.acceptance = acceptance;
  action.begin = begin;
  action.once = true;
  return action;
}

using enum ServerWork::Pace;

constexpr std::array kBackupActions = {
    longBackupAction("create_backup", "backing_up", createBackup),
    longBackupAction("restore_backup", "restoring", restoreBackup),
    fileAction("list_backups", listBackups, kQuick, true),
    fileAction("delete_backup", deleteBackup, kQuick, false),
    fileAction("download_backup", downloadBackup, kQuick, true),
};

}  // namespace

std::span<const Action> backupActions() { return kBackupActions; }

}  // namespace agent
