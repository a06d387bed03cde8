#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "agent/actions/services.h"
#include "agent/files/change.h"
#include "agent/files/checked_path.h"
#include "agent/files/read.h"
#include "agent/panel/command.h"

namespace agent {

/// The server's files. SERVER_NOT_FOUND, INVALID_STATE (they are being removed).
files::ServerRoot openFiles(const Services& services, const Command& command);

/// The path in the first of `names` that is given; at most one may be. Without: the root when
/// `otherwise_root`, else INVALID_PAYLOAD.
files::CheckedPath readPath(const Fields& fields, std::initializer_list<std::string_view> names,
                            bool otherwise_root = false);
inline files::CheckedPath readPath(const Fields& fields) { return readPath(fields, {"path"}); }

enum class Encoding { kUtf8, kBase64 };
std::optional<Encoding> readEncoding(const Fields& fields);
/// `content` as bytes; absent when it is missing. FILE_TOO_LARGE: more than one message carries.
std::optional<std::string> readContent(const Fields& fields, Encoding otherwise);

files::PutOptions readPutOptions(const Fields& fields, bool overwrite);

/// `content` and `encoding` for bytes of a file: as text when they are text and nothing else was
/// asked for.
void setContent(Json& data, const std::string& bytes, std::optional<Encoding> asked,
                const Fields& fields);

Json encodeEntry(const files::EntryInfo& entry);
/// `0644`.
std::string encodePermissions(mode_t permissions);
std::string encodeFileTime(std::int64_t nanoseconds);

/// `serverId` and `path`, with which every answer begins.
Json answerFor(const Command& command, const files::CheckedPath& path);

}  // namespace agent
