#include "agent/panel/json_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "agent/panel/json_plain.h"
#include "agent/utf8.h"

namespace agent {
namespace {

void writeText(std::string& out, std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  while (!text.empty()) {
    // Content of files: hundreds of kilobytes without anything to look at.
    if (const std::size_t plain = plainLength(text); plain > 0) {
      out += text.substr(0, plain);
      text.remove_prefix(plain);
      continue;
    }
    const std::size_t length = utf8SequenceLength(text);
    if (length == 0) {
      out += "\xEF\xBF\xBD";
      text.remove_prefix(1);
      continue;
    }
    const char c = text.front();
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += "\\u00";
          out += kHex[c >> 4];
          out += kHex[c & 15];
        } else {
          out.append(text.substr(0, length));
        }
    }
    text.remove_prefix(length);
  }
  out += '"';
}

template <class Number>
void writeNumber(std::string& out, Number value) {
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value);
  out.append(buffer, end.ptr);
}

void writeValue(std::string& out, const Json& value, bool sorted);

void writeMembers(std::string& out, const Json::Object& members, bool sorted) {
  std::vector<const Json::Member*> order;
  order.reserve(members.size());
  for (const Json::Member& member : members) order.push_back(&member);
  if (sorted)
    std::sort(order.begin(), order.end(),
              [](const auto* a, const auto* b) { return a->first < b->first; });
  out += '{';
  for (const Json::Member* member : order) {
    if (out.back() != '{') out += ',';
    writeText(out, member->first);
    out += ':';
    writeValue(out, member->second, sorted);
  }
  out += '}';
}

void writeValue(std::string& out, const Json& value, bool sorted) {
  if (const auto* text = value.text()) return writeText(out, *text);
  if (const auto* members = value.members()) return writeMembers(out, *members, sorted);
  if (const auto* integer = value.integer()) return writeNumber(out, *integer);
  if (const auto* boolean = value.boolean()) {
    out += *boolean ? "true" : "false";
    return;
  }
  if (const auto* real = value.real(); real != nullptr && std::isfinite(*real))
    return writeNumber(out, *real);
  if (const auto* elements = value.elements()) {
    out += '[';
    for (std::size_t i = 0; i < elements->size(); ++i) {
      if (i != 0) out += ',';
      writeValue(out, (*elements)[i], sorted);
    }
    out += ']';
    return;
  }
  out += "null";
}

}  // namespace

const Json* Json::find(std::string_view name) const noexcept {
  const Object* all = members();
  if (all == nullptr) return nullptr;
  for (const Member& member : *all)
    if (member.first == name) return &member.second;
  return nullptr;
}

const std::string* Json::findText(std::string_view name) const noexcept {
  const Json* member = find(name);
  return member == nullptr ? nullptr : member->text();
}

Json& Json::set(std::string name, Json value) {
  if (isNull()) value_ = Object{};
  std::get<Object>(value_).emplace_back(std::move(name), std::move(value));
  return *this;
}

Json& Json::add(Json value) {
  if (isNull()) value_ = Array{};
  std::get<Array>(value_).push_back(std::move(value));
  return *this;
}

std::string Json::write() const {
  std::string out;
  writeValue(out, *this, false);
  return out;
}

std::string Json::writeCanonical() const {
  std::string out;
  writeValue(out, *this, true);
  return out;
}

}  // namespace agent
