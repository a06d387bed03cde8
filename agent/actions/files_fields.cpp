#include "agent/actions/files_fields.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "agent/files/base64.h"
#include "agent/panel/message.h"
#include "agent/utf8.h"

namespace agent {
namespace {

using files::CheckedPath;
using files::ServerRoot;

std::string inWords(std::initializer_list<std::string_view> names) {
  std::string words;
  for (const std::string_view name : names)
    words += (words.empty() ? "" : " or ") + std::string(name);
  return words;
}

/// Whether it is text that takes no more room in a message than base64 would: a control character
/// takes six bytes there. A few are always in order.
bool goesAsText(const std::string& bytes) {
  constexpr std::size_t kFew = 1000;
  const auto controls = std::count_if(bytes.begin(), bytes.end(), [](char byte) {
    return static_cast<unsigned char>(byte) < 0x20 && byte != '\t' && byte != '\n' && byte != '\r';
  });
  return static_cast<std::size_t>(controls) <= kFew + bytes.size() / 15 && isUtf8(bytes);
}

}  // namespace

ServerRoot openFiles(const Services& services, const Command& command) {
  const std::string& server_id = command.server_id;
  const auto status = services.supervisor.status(server_id);
  // While the engine is not there nobody knows the servers, and their files are there all the same.
  if (!status && status.error().code == control::ErrorCode::kNotFound)
    throw requestRefusal(status.error(), server_id, services.paths());
  if (services.notes.isRemoving(server_id))
    throw Refusal("INVALID_STATE", "the files of server '" + server_id + "' are being removed");
  if (services.notes.isRestoring(server_id))
    throw Refusal("INVALID_STATE",
                  "a backup is being restored to server '" + server_id + "'; wait for its end");
  return ServerRoot::open(services.config.data_dir, server_id);
}

CheckedPath readPath(const Fields& fields, std::initializer_list<std::string_view> names,
                     bool otherwise_root) {
  std::string_view given;
  std::string path;
  for (const std::string_view name : names) {
    std::optional<std::string> text = fields.text(name);
    if (!text) continue;
    if (!given.empty()) fields.refuse(name, "and " + std::string(given) + " are given; give one");
    given = name;
    path = *std::move(text);
  }
  if (given.empty() && otherwise_root) return CheckedPath::root();
  if (given.empty() || (path.empty() && !otherwise_root))
    fields.refuse(*names.begin(),
                  "is required: a path in the server's directory (" + inWords(names) + ")");
  try {
    return CheckedPath::parse(path);
  } catch (const Refusal& refusal) {
    throw Refusal(refusal.code(), fields.pathOf(given) + ": " + refusal.message());
  }
}

std::optional<Encoding> readEncoding(const Fields& fields) {
  const std::optional<std::string> encoding = fields.text("encoding");
  if (!encoding) return std::nullopt;
  if (*encoding == "utf8" || *encoding == "utf-8") return Encoding::kUtf8;
  if (*encoding == "base64") return Encoding::kBase64;
  fields.refuse("encoding", "must be \"utf8\" or \"base64\"");
}

std::optional<std::string> readContent(const Fields& fields, Encoding otherwise) {
  const Json* content = fields.find("content");
  if (content == nullptr) return std::nullopt;
  if (content->text() == nullptr) fields.refuse("content", "must be text");
  const bool base64 = readEncoding(fields).value_or(otherwise) == Encoding::kBase64;
  std::optional<std::string> bytes = base64 ? decodeBase64(*content->text()) : *content->text();
  if (!bytes) fields.refuse("content", "is not base64; say encoding \"utf8\" when it is text");
  if (bytes->size() > static_cast<std::size_t>(files::kMostContent))
    throw Refusal("FILE_TOO_LARGE", fields.pathOf("content") + " has " +
                                        std::to_string(bytes->size()) + " bytes, more than the " +
                                        std::to_string(files::kMostContent) +
                                        " of one message; use upload_file in pieces");
  return bytes;
}

files::PutOptions readPutOptions(const Fields& fields, bool overwrite) {
  return {.overwrite = fields.boolean("overwrite").value_or(overwrite),
          .make_directories = fields.boolean("createDirectories").value_or(true)};
}

void setContent(Json& data, const std::string& bytes, std::optional<Encoding> asked,
                const Fields& fields) {
  const bool text = asked != Encoding::kBase64 && goesAsText(bytes);
  if (asked == Encoding::kUtf8 && !text)
    fields.refuse("encoding", "is \"utf8\" and the file is no text; ask for \"base64\"");
  data.set("content", text ? bytes : encodeBase64(bytes));
  data.set("encoding", text ? "utf8" : "base64");
}

std::string encodePermissions(mode_t permissions) {
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "%04o", permissions & 07777U);
  return text.data();
}

std::string encodeFileTime(std::int64_t nanoseconds) {
  return formatTimestamp(control::WallTime(std::chrono::duration_cast<control::WallTime::duration>(
      std::chrono::nanoseconds(nanoseconds))));
}

Json encodeEntry(const files::EntryInfo& entry) {
  Json data;
  data.set("name", entry.name).set("type", files::toString(entry.type));
  data.set("isDirectory", entry.type == files::EntryType::kDirectory);
  data.set("size", entry.size).set("permissions", encodePermissions(entry.permissions));
  data.set("modified", encodeFileTime(entry.modified_ns));
  return data;
}

Json answerFor(const Command& command, const CheckedPath& path) {
  Json data;
  data.set("serverId", command.server_id).set("path", path.shown());
  return data;
}

}  // namespace agent
