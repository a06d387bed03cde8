// The words for the files of servers.

#include <Poco/Base64Decoder.h>
#include <Poco/Base64Encoder.h>
#include <Poco/StreamCopier.h>

#include <fstream>
#include <iomanip>
#include <sstream>

#include "console.h"

namespace panel {
namespace {

using Object = Poco::JSON::Object::Ptr;

/// What one message carries.
constexpr std::size_t kPiece = 512 * 1024;

Object pathOf(const std::string& path) {
  Object payload = new Poco::JSON::Object;
  payload->set("path", path);
  return payload;
}

std::string encode(const std::string& bytes) {
  std::ostringstream text;
  Poco::Base64Encoder encoder(text);
  encoder.rdbuf()->setLineLength(0);
  encoder << bytes;
  encoder.close();
  return text.str();
}

std::string decode(const std::string& content) {
  std::istringstream text(content);
  Poco::Base64Decoder decoder(text);
  std::string bytes;
  Poco::StreamCopier::copyToString(decoder, bytes);
  return bytes;
}

std::string nameOf(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::string row(const Object& file) {
  std::ostringstream line;
  line << text(file, "permissions") << ' ' << std::setw(12) << text(file, "size") << "  "
       << text(file, "modified") << "  " << printable(text(file, "name"));
  if (text(file, "type") == "directory") line << '/';
  if (text(file, "type") == "symlink") line << " (link)";
  return line.str();
}

}  // namespace

std::string Console::ls(const Words& arguments) {
  Object payload = pathOf(arguments.size() > 1 ? arguments[1] : "/");
  for (;;) {
    const Reply reply = panel_.ask("list_files", arguments[0], payload, node_);
    if (!reply.error.empty()) return reply.error;
    const Poco::JSON::Array::Ptr files = reply.data->getArray("files");
    for (unsigned i = 0; i < files->size(); ++i) screen_.line(row(files->getObject(i)));
    if (text(reply.data, "hasMore") != "true") return {};
    payload->set("offset", reply.data->get("nextOffset"));
  }
}

std::string Console::cat(const Words& arguments) {
  Object payload = pathOf(arguments[1]);
  payload->set("encoding", "utf8");
  const Reply reply = panel_.ask("read_file", arguments[0], payload, node_);
  if (!reply.error.empty()) return reply.error;
  std::istringstream content(text(reply.data, "content"));
  for (std::string line; std::getline(content, line);) screen_.line(printable(line));
  return {};
}

std::string Console::put(const Words& arguments) {
  const std::string bar = "put " + std::to_string(++transfers_);
  const std::string problem = upload(arguments, bar);
  if (!problem.empty()) panel_.bars().drop(bar);
  return problem;
}

std::string Console::get(const Words& arguments) {
  const std::string bar = "get " + std::to_string(++transfers_);
  const std::string problem = download(arguments, bar);
  if (!problem.empty()) panel_.bars().drop(bar);
  return problem;
}

std::string Console::upload(const Words& arguments, const std::string& bar) {
  std::ifstream file(arguments[1], std::ios::binary | std::ios::ate);
  if (!file) return "cannot read '" + arguments[1] + "'";
  const auto size = static_cast<std::size_t>(file.tellg());
  file.seekg(0);
  Object payload = pathOf(arguments.size() > 2 ? arguments[2] : nameOf(arguments[1]));
  payload->set("size", size);
  std::size_t offset = 0;
  do {
    std::string piece(std::min(kPiece, size - offset), '\0');
    if (!file.read(piece.data(), static_cast<std::streamsize>(piece.size())))
      return "cannot read '" + arguments[1] + "' to its end";
    payload->set("offset", offset);
    payload->set("content", encode(piece));
    const Reply reply = panel_.ask("upload_file", arguments[0], payload, node_);
    if (!reply.error.empty()) return reply.error;
    payload->set("uploadId", text(reply.data, "uploadId"));
    offset += piece.size();
    progress(bar, offset, size);
  } while (offset < size);
  return {};
}

std::string Console::download(const Words& arguments, const std::string& bar) {
  const std::string to = arguments.size() > 2 ? arguments[2] : nameOf(arguments[1]);
  std::ofstream file(to + ".part", std::ios::binary | std::ios::trunc);
  Object payload = pathOf(arguments[1]);
  std::size_t offset = 0;
  for (;;) {
    payload->set("offset", offset);
    const Reply reply = panel_.ask("download_file", arguments[0], payload, node_);
    if (!reply.error.empty()) {
      file.close();
      std::remove((to + ".part").c_str());
      return reply.error;
    }
    const std::string piece = decode(text(reply.data, "content"));
    file << piece;
    offset += piece.size();
    progress(bar, offset, static_cast<std::size_t>(number(reply.data, "size")));
    payload->set("version", text(reply.data, "version"));
    if (text(reply.data, "eof") == "true") break;
  }
  file.close();
  if (!file || std::rename((to + ".part").c_str(), to.c_str()) != 0)
    return "cannot write '" + to + "'";
  return {};
}

void Console::progress(const std::string& bar, std::size_t done, std::size_t size) {
  if (size <= kPiece) return;
  const Progress progress{.what = bar.substr(0, 3),
                          .bytes = static_cast<std::int64_t>(done),
                          .total = static_cast<std::int64_t>(size)};
  if (done < size)
    panel_.bars().show(bar, progress);
  else
    panel_.bars().finish(bar, progress);
}

}  // namespace panel
