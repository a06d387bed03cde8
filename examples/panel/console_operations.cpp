// The words for archives, backups and images.

#include <Poco/JSON/Array.h>

#include "console.h"

namespace panel {
namespace {

using Object = Poco::JSON::Object::Ptr;
using Array = Poco::JSON::Array::Ptr;

Object payloadOf(const std::string& key, const std::string& value) {
  Object payload = new Poco::JSON::Object;
  payload->set(key, value);
  return payload;
}

Array listIn(const Object& data, const std::string& key) {
  const Array found = data.isNull() ? Array() : data->getArray(key);
  return found.isNull() ? Array(new Poco::JSON::Array) : found;
}

std::string joined(const Array& names) {
  std::string all;
  for (unsigned i = 0; i < names->size(); ++i)
    all += (i == 0 ? "" : ", ") + names->get(i).toString();
  return all;
}

std::string imageRow(const Object& image) {
  const std::string names = joined(listIn(image, "references"));
  return (names.empty() ? text(image, "id") : names) + "  " + sizeText(number(image, "sizeBytes")) +
         (text(image, "removable") == "true" ? "  (pulled by a panel)" : "");
}

std::string backupRow(const Object& backup) {
  const std::string name = text(backup, "name");
  return text(backup, "backupId") + "  " + text(backup, "created") + "  " +
         sizeText(number(backup, "size")) + " with " + text(backup, "entries") + " entries of " +
         sizeText(number(backup, "bytes")) + (name.empty() ? "" : "  " + name);
}

}  // namespace

std::string Console::await(const std::string& action, const std::string& server,
                           const Object& payload) {
  const Reply reply = panel_.askAtLength(action, server, payload, node_);
  last_id_ = reply.id;
  return reply.error;
}

std::string Console::archive(const Words& arguments) {
  Object payload = payloadOf("destination", arguments[1]);
  Array paths = new Poco::JSON::Array;
  for (std::size_t i = 2; i < arguments.size(); ++i) paths->add(arguments[i]);
  payload->set("paths", paths);
  return await("create_archive", arguments[0], payload);
}

std::string Console::extract(const Words& arguments) {
  Object payload = payloadOf("path", arguments[1]);
  if (arguments.size() > 2) payload->set("destination", arguments[2]);
  return await("extract_archive", arguments[0], payload);
}

std::string Console::backup(const Words& arguments) {
  const Object payload = arguments.size() > 1 ? payloadOf("backupId", arguments[1]) : Object();
  return begin("create_backup", arguments, payload);
}

std::string Console::restore(const Words& arguments) {
  return begin("restore_backup", arguments, payloadOf("backupId", arguments[1]));
}

std::string Console::backups(const Words& arguments) {
  const Reply reply = panel_.ask("list_backups", arguments[0], {}, node_);
  if (!reply.error.empty()) return reply.error;
  const Array backups = listIn(reply.data, "backups");
  for (unsigned i = 0; i < backups->size(); ++i) screen_.line(backupRow(backups->getObject(i)));
  if (backups->size() == 0) screen_.line("no backups of " + arguments[0]);
  return {};
}

std::string Console::rmbackup(const Words& arguments) {
  return panel_.ask("delete_backup", arguments[0], payloadOf("backupId", arguments[1]), node_)
      .error;
}

std::string Console::pull(const Words& arguments) {
  return begin("pull_image", {}, payloadOf("image", arguments[0]));
}

std::string Console::images(const Words&) {
  const Reply reply = panel_.ask("list_images", "", {}, node_);
  if (!reply.error.empty()) return reply.error;
  const Array images = listIn(reply.data, "images");
  for (unsigned i = 0; i < images->size(); ++i) screen_.line(imageRow(images->getObject(i)));
  if (images->size() == 0) screen_.line("no images");
  return {};
}

std::string Console::rmimage(const Words& arguments) {
  const Reply reply = panel_.ask("remove_image", "", payloadOf("image", arguments[0]), node_);
  if (reply.error.empty() && text(reply.data, "removed") != "true")
    screen_.line(arguments[0] + " was not there any more");
  return reply.error;
}

std::string Console::prune(const Words&) {
  const Reply reply = panel_.ask("prune_images", "", {}, node_);
  if (!reply.error.empty()) return reply.error;
  const std::string removed = joined(listIn(reply.data, "removed"));
  const std::string used = joined(listIn(reply.data, "inUse"));
  screen_.line("removed: " + (removed.empty() ? "none" : removed));
  if (!used.empty()) screen_.line("in use: " + used);
  return {};
}

}  // namespace panel
