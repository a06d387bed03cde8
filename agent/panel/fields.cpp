#include "agent/panel/fields.h"

#include <cmath>

#include "agent/panel/refusal.h"

namespace agent {
namespace {

std::string plain(double value) { return Json(value).write(); }

}  // namespace

Fields::Fields(const Json* object, std::string path) : object_(object), path_(std::move(path)) {
  if (object_ != nullptr && object_->isNull()) object_ = nullptr;
  if (object_ != nullptr && object_->members() == nullptr)
    throw Refusal("INVALID_PAYLOAD", path_ + " must be an object");
}

const Json* Fields::find(std::string_view name) const {
  const Json* member = object_ == nullptr ? nullptr : object_->find(name);
  return member == nullptr || member->isNull() ? nullptr : member;
}

const Json* Fields::findOrNull(std::string_view name) const {
  return object_ == nullptr ? nullptr : object_->find(name);
}

std::string Fields::pathOf(std::string_view name) const {
  return path_.empty() ? std::string(name) : path_ + '.' + std::string(name);
}

void Fields::refuse(std::string_view name, const std::string& reason) const {
  throw Refusal("INVALID_PAYLOAD", pathOf(name) + ' ' + reason);
}

std::optional<std::string> Fields::text(std::string_view name) const {
  const Json* member = find(name);
  if (member == nullptr) return std::nullopt;
  if (member->text() == nullptr) refuse(name, "must be text");
  if (member->text()->find('\0') != std::string::npos)
    refuse(name, "must not hold a NUL character");
  return *member->text();
}

std::string Fields::requiredText(std::string_view name) const {
  std::optional<std::string> value = text(name);
  if (!value || value->empty()) refuse(name, "is required and must be text that is not empty");
  return *std::move(value);
}

std::optional<bool> Fields::boolean(std::string_view name) const {
  const Json* member = find(name);
  if (member == nullptr) return std::nullopt;
  if (member->boolean() == nullptr) refuse(name, "must be true or false");
  return *member->boolean();
}

std::optional<std::int64_t> Fields::integer(std::string_view name, std::int64_t least,
                                            std::int64_t most) const {
  const Json* member = find(name);
  if (member == nullptr) return std::nullopt;
  const std::int64_t* value = member->integer();
  if (value == nullptr || *value < least || *value > most)
    refuse(name,
           "must be a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  return *value;
}

std::optional<double> Fields::number(std::string_view name, double least, double most) const {
  const Json* member = find(name);
  if (member == nullptr) return std::nullopt;
  std::optional<double> value;
  if (member->integer() != nullptr) value = static_cast<double>(*member->integer());
  if (member->real() != nullptr) value = *member->real();
  if (!value || !(*value >= least && *value <= most))
    refuse(name, "must be a number from " + plain(least) + " to " + plain(most));
  return value;
}

Fields Fields::object(std::string_view name) const { return Fields(find(name), pathOf(name)); }

}  // namespace agent
