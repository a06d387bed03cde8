#include "agent/actions/files.h"
#include "agent/actions/disk.h"

#include <array>

#include "agent/actions/files_fields.h"
#include "agent/files/digest.h"
#include "agent/files/search.h"
#include "agent/files/upload.h"

namespace agent {
namespace {

using files::CheckedPath;
using files::kMostContent;
using files::Patience;
using files::ServerRoot;

constexpr std::int64_t kMostListed = 5000;
constexpr std::int64_t kListed = 1000;
constexpr std::int64_t kMostMatches = 1000;
constexpr std::int64_t kMatches = 100;
constexpr double kSearchSeconds = 10;
constexpr double kMostSearchSeconds = 60;

Patience quick(std::stop_token stop) { return {std::move(stop), kQuickFilesTimeout}; }
Patience slow(std::stop_token stop) { return {std::move(stop), kSlowFilesTimeout}; }

/// It reads the whole file.
bool wantsChecksum(const Command& command) {
  return command.fields().boolean("checksum").value_or(false);
}

Json listFiles(Services& services, const Command& command, std::stop_token stop) {
  const Fields fields = command.fields();
  const CheckedPath path = readPath(fields, {"path", "directory"}, true);
  const auto offset = fields.integer("offset", 0, INT64_MAX).value_or(0);
  const auto limit = fields.integer("limit", 1, kMostListed).value_or(kListed);
  const files::Page page =
      services.listing.page(openFiles(services, command), path, static_cast<std::size_t>(offset),
                            static_cast<std::size_t>(limit), quick(std::move(stop)));
  Json entries = Json::array();
  for (const files::EntryInfo& entry : page.entries) entries.add(encodeEntry(entry));
  const std::size_t end = page.offset + page.entries.size();
  Json data = answerFor(command, path);
  data.set("files", std::move(entries)).set("total", page.total).set("offset", offset);
  data.set("hasMore", end < page.total && !page.entries.empty());
  if (end < page.total && !page.entries.empty()) data.set("nextOffset", end);
  return data;
}

Json encodePiece(const Command& command, const CheckedPath& path, const files::Piece& piece) {
  Json data = answerFor(command, path);
  data.set("size", piece.size).set("modified", encodeFileTime(piece.modified_ns));
  data.set("version", piece.version);
  data.set("offset", piece.offset).set("length", piece.bytes.size()).set("eof", piece.atEnd());
  return data;
}

Json readFile(Services& services, const Command& command, std::stop_token) {
  const Fields fields = command.fields();
  const CheckedPath path = readPath(fields);
  const auto offset = fields.integer("offset", 0, INT64_MAX);
  const auto length = fields.integer("length", 1, kMostContent);
  const std::optional<Encoding> encoding = readEncoding(fields);
  const ServerRoot root = openFiles(services, command);
  const files::Piece piece =
      offset || length ? files::read(root, path, offset.value_or(0), length.value_or(kMostContent))
                       : files::readWhole(root, path);
  Json data = encodePiece(command, path, piece);
  setContent(data, piece.bytes, encoding, fields);
  return data;
}

Json downloadFile(Services& services, const Command& command, std::stop_token stop) {
  const Fields fields = command.fields();
  const CheckedPath path = readPath(fields);
  const std::int64_t offset = fields.integer("offset", 0, INT64_MAX).value_or(0);
  const std::int64_t length = fields.integer("length", 1, kMostContent).value_or(kMostContent);
  const std::optional<std::string> version = fields.text("version");
  const bool checksum = wantsChecksum(command);
  const Encoding encoding = readEncoding(fields).value_or(Encoding::kBase64);
  const ServerRoot root = openFiles(services, command);
  const files::Piece piece = files::read(root, path, offset, length, version);
  Json data = encodePiece(command, path, piece);
  if (checksum) data.set("sha256", files::sha256(root, path, slow(std::move(stop))));
  setContent(data, piece.bytes, encoding, fields);
  return data;
}

Json getFileInfo(Services& services, const Command& command, std::stop_token stop) {
  const Fields fields = command.fields();
  const CheckedPath path = readPath(fields);
  const bool checksum = wantsChecksum(command);
  const ServerRoot root = openFiles(services, command);
  const files::EntryInfo entry = files::info(root, path);
  Json data = encodeEntry(entry);
  data.set("serverId", command.server_id).set("path", path.shown());
  data.set("owner", static_cast<std::int64_t>(entry.user));
  data.set("group", static_cast<std::int64_t>(entry.group)).set("links", entry.links);
  data.setIf("target", files::linkTarget(root, path));
  if (checksum) data.set("sha256", files::sha256(root, path, slow(std::move(stop))));
  return data;
}

Json searchFiles(Services& services, const Command& command, std::stop_token stop) {
  const Fields fields = command.fields();
  const CheckedPath path = readPath(fields, {"path", "directory"}, true);
  files::SearchOptions options;
  options.pattern = fields.text("pattern").value_or(fields.text("query").value_or(""));
  options.content = fields.text("content").value_or("");
  if (options.pattern.size() > 255) fields.refuse("pattern", "is longer than 255 bytes");
  if (options.content.size() > 1024) fields.refuse("content", "is longer than 1024 bytes");
  if (options.pattern.empty() && options.content.empty())
    fields.refuse("pattern", "or payload.content is required: what to look for");
  options.match_case = fields.boolean("matchCase").value_or(false);
  options.limit =
      static_cast<std::size_t>(fields.integer("limit", 1, kMostMatches).value_or(kMatches));
  const double seconds = fields.number("timeout", 0.1, kMostSearchSeconds).value_or(kSearchSeconds);
  const Patience patience(std::move(stop),
                          std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000)));
  const files::SearchResult found =
      files::search(openFiles(services, command), path, options, patience);
  Json matches = Json::array();
  for (const files::Match& match : found.matches) {
    Json entry = encodeEntry(match.entry);
    entry.set("path", match.path);
    if (match.line > 0) entry.set("line", match.line).set("text", match.text);
    matches.add(std::move(entry));
  }
  Json data = answerFor(command, path);
  data.set("files", std::move(matches)).set("complete", found.complete);
  data.set("searched", found.looked_at).set("skipped", found.passed_over);
  return data;
}

Json writeFile(Services& services, const Command& command, std::stop_token) {
  const Fields fields = command.fields();
  const CheckedPath path = readPath(fields);
  const std::optional<std::string> content = readContent(fields, Encoding::kUtf8);
  if (!content) fields.refuse("content", "is required and must be text; it may be empty");
  const files::PutOptions put = readPutOptions(fields, true);
  const ServerRoot root = openFiles(services, command);
  requireRoom(services, command.server_id, static_cast<std::int64_t>(content->size()));
  files::writeFile(root, path, *content, put);
  Json data = answerFor(command, path);
  data.set("size", content->size()).set("success", true);
  return data;
}

Json uploadFile(Services& services, const Command& command, std::stop_token stop) {
  const Fields fields = command.fields();
  const CheckedPath path = readPath(fields);
  files::UploadPiece piece{.bytes = readContent(fields, Encoding::kBase64)};
  const auto size = fields.integer("size", 0, INT64_MAX);
  const auto last = fields.boolean("last");
  const auto offset = fields.integer("offset", 0, INT64_MAX);
  piece.offset = offset.value_or(0);
  piece.sha256 = fields.text("sha256");
  if (piece.sha256 && !files::isSha256(*piece.sha256))
    fields.refuse("sha256", "must be 64 hexadecimal digits in lower case");
  piece.id = fields.text("uploadId");
  piece.put = readPutOptions(fields, true);
  const auto length = static_cast<std::int64_t>(piece.bytes ? piece.bytes->size() : 0);
  if (size && (piece.offset > *size || length > *size - piece.offset))
    fields.refuse("size", "is smaller than what this piece reaches to");
  if (size && last && piece.bytes && *last != (piece.offset + length == *size))
    fields.refuse("last", "and payload.size disagree about where the file ends; give one of them");
  // A piece that says nothing of others is the whole file.
  const bool whole = !size && !last && !offset;
  piece.last = last.value_or(whole || (size && piece.offset + length == *size));
  const ServerRoot root = openFiles(services, command);
  // The rest may be refused before it is sent; of a later piece much of it may be there already.
  const std::int64_t to_come = size && piece.offset == 0 ? *size - length : 0;
  if (length > 0) requireRoom(services, command.server_id, length, to_come);
  const files::Uploaded done = files::upload(root, path, piece, quick(std::move(stop)));
  Json data = answerFor(command, path);
  const bool complete = piece.bytes && piece.last;
  data.set("offset", done.bytes).set("complete", complete);
  if (!done.id.empty()) data.set("uploadId", done.id);
  if (complete && piece.sha256) data.set("sha256", *piece.sha256);
  return data;
}

Json createDirectory(Services& services, const Command& command, std::stop_token) {
  const CheckedPath path = readPath(command.fields());
  const bool created = files::makeDirectory(openFiles(services, command), path);
  Json data = answerFor(command, path);
  data.set("created", created);
  return data;
}

Json deleteFile(Services& services, const Command& command, std::stop_token stop) {
  const Fields fields = command.fields();
  const CheckedPath path = readPath(fields);
  const bool recursive = fields.boolean("recursive").value_or(true);
  const Patience patience(std::move(stop), kSlowFilesTimeout,
                          "a part of it may be gone, the rest is still there");
  files::remove(openFiles(services, command), path, recursive, patience);
  Json data = answerFor(command, path);
  data.set("deleted", true);
  return data;
}

Json movedAnswer(const Command& command, const CheckedPath& from, const CheckedPath& to) {
  Json data = answerFor(command, to);
  data.set("source", from.shown()).set("destination", to.shown());
  return data;
}

/// Where `from` is to be.
CheckedPath readNewName(const Fields& fields, const CheckedPath& from) {
  const std::optional<std::string> name = fields.text("newName");
  if (!name) return readPath(fields, {"newPath", "to", "destination"});
  if (name->find('/') != std::string::npos)
    throw Refusal("PATH_FORBIDDEN", fields.pathOf("newName") +
                                        ": a name must not hold '/'; give newPath, from the "
                                        "server's directory, to move it elsewhere");
  try {
    CheckedPath to = from.parent().child(*name);
    if (to.parent() == from.parent()) return to;
  } catch (const Refusal& refusal) {
    throw Refusal(refusal.code(), fields.pathOf("newName") + ": " + refusal.message());
  }
  fields.refuse("newName", "must be a name");
}

Json renameFile(Services& services, const Command& command, std::stop_token) {
  const Fields fields = command.fields();
  const CheckedPath from = readPath(fields, {"path", "oldPath", "from", "source"});
  const CheckedPath to = readNewName(fields, from);
  files::move(openFiles(services, command), from, to, readPutOptions(fields, false));
  return movedAnswer(command, from, to);
}

Json moveFile(Services& services, const Command& command, std::stop_token) {
  const Fields fields = command.fields();
  const CheckedPath from = readPath(fields, {"source", "from", "path", "oldPath"});
  const CheckedPath to = readPath(fields, {"destination", "to", "newPath"});
  files::move(openFiles(services, command), from, to, readPutOptions(fields, false));
  return movedAnswer(command, from, to);
}

Json copyFile(Services& services, const Command& command, std::stop_token stop) {
  const Fields fields = command.fields();
  const CheckedPath from = readPath(fields, {"source", "from", "path", "oldPath"});
  const CheckedPath to = readPath(fields, {"destination", "to", "newPath"});
  const files::PutOptions put = readPutOptions(fields, false);
  const ServerRoot root = openFiles(services, command);
  files::CopyWork work{.patience = slow(std::move(stop)),
                       .room = roomOf(services, command.server_id)};
  // Others write meanwhile, copies too.
  work.before_writing = [&services](std::int64_t bytes) {
    services.reserve.require(services.config.data_dir, bytes);
  };
  const files::Copied copied = files::copy(root, from, to, put, work);
  Json data = movedAnswer(command, from, to);
  data.set("files", copied.files).set("directories", copied.directories);
  data.set("bytes", copied.bytes).set("skipped", copied.skipped);
  return data;
}

Json encodeAccess(const Command& command, const CheckedPath& path, const files::EntryInfo& entry) {
  Json data = answerFor(command, path);
  data.set("permissions", encodePermissions(entry.permissions));
  data.set("owner", static_cast<std::int64_t>(entry.user));
  data.set("group", static_cast<std::int64_t>(entry.group));
  return data;
}

Json getPermissions(Services& services, const Command& command, std::stop_token) {
  const CheckedPath path = readPath(command.fields());
  return encodeAccess(command, path, files::info(openFiles(services, command), path));
}

mode_t readPermissions(const Fields& fields) {
  const std::string_view name = fields.find("mode") != nullptr ? "mode" : "permissions";
  const Json* given = fields.find(name);
  const std::string* text = given == nullptr ? nullptr : given->text();
  const bool octal = text != nullptr && (text->size() == 3 || text->size() == 4) &&
                     text->find_first_not_of("01234567") == std::string::npos;
  if (!octal) fields.refuse(name, "must be text of 3 or 4 octal digits, as \"0644\"");
  return static_cast<mode_t>(std::stoul(*text, nullptr, 8));
}

Json setPermissions(Services& services, const Command& command, std::stop_token) {
  const CheckedPath path = readPath(command.fields());
  const mode_t permissions = readPermissions(command.fields());
  const ServerRoot root = openFiles(services, command);
  files::setPermissions(root, path, permissions);
  return encodeAccess(command, path, files::info(root, path));
}

using enum ServerWork::Pace;

constexpr std::array kFileActions = {
    fileAction("list_files", listFiles, kQuick, true),
    fileAction("get_file", readFile, kQuick, true),
    fileAction("read_file", readFile, kQuick, true),
    fileAction("write_file", writeFile, kQuick, false),
    fileAction("create_directory", createDirectory, kQuick, false),
    fileAction("delete_file", deleteFile, kSlow, false),
    fileAction("rename_file", renameFile, kQuick, false),
    fileAction("copy_file", copyFile, kSlow, false),
    fileAction("move_file", moveFile, kQuick, false),
    fileAction("get_file_info", getFileInfo, kQuick, true, wantsChecksum),
    fileAction("search_files", searchFiles, kSlow, true),
    fileAction("upload_file", uploadFile, kQuick, false),
    fileAction("download_file", downloadFile, kQuick, true, wantsChecksum),
    fileAction("get_file_permissions", getPermissions, kQuick, true),
    fileAction("set_file_permissions", setPermissions, kQuick, false),
};

}  // namespace

std::span<const Action> fileActions() { return kFileActions; }

}  // namespace agent
