#include "mock/mock_json.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "mock/mock_error.h"
#include "mock/mock_text.h"

namespace control::mock {
namespace {

constexpr int kDeepest = 32;

class Parser {
 public:
  explicit Parser(std::string_view text) : rest_(text) {}

  Result<Json> run() {
    Json root;
    skipSpace();
    if (!value(root, 0)) return atLine(line_, problem_);
    skipSpace();
    if (!rest_.empty()) return atLine(line_, "something follows the end of the scenario");
    return root;
  }

 private:
  bool fail(std::string problem) {
    if (problem_.empty()) problem_ = std::move(problem);
    return false;
  }

  char peek() const { return rest_.empty() ? '\0' : rest_.front(); }
  bool take(char wanted) {
    if (rest_.empty() || rest_.front() != wanted) return false;
    rest_.remove_prefix(1);
    return true;
  }

  void skipSpace() {
    while (!rest_.empty() && std::string_view(" \t\r\n").find(rest_.front()) != rest_.npos) {
      if (rest_.front() == '\n') ++line_;
      rest_.remove_prefix(1);
    }
  }

  bool value(Json& out, int depth) {
    out.line = line_;
    if (rest_.empty()) return fail("the text ends early");
    if (depth > kDeepest) return fail("it is nested too deep");
    switch (peek()) {
      case '{':
        return object(out, depth);
      case '[':
        return array(out, depth);
      case '"':
        out.kind = Json::Kind::kString;
        return string(out.text);
      default:
        return plain(out);
    }
  }

  bool object(Json& out, int depth) {
    out.kind = Json::Kind::kObject;
    take('{');
    skipSpace();
    if (take('}')) return true;
    do {
      skipSpace();
      Json::Member member{.line = line_};
      if (peek() != '"') return fail("a key in quotes is missing");
      if (!string(member.name)) return false;
      const bool again = std::any_of(out.members.begin(), out.members.end(),
                                     [&](const auto& one) { return one.name == member.name; });
      if (again) return fail("the key \"" + member.name + "\" is there twice");
      skipSpace();
      if (!take(':')) return fail("':' is missing after \"" + member.name + "\"");
      skipSpace();
      if (!value(member.value, depth + 1)) return false;
      out.members.push_back(std::move(member));
      skipSpace();
    } while (take(','));
    return take('}') || fail("',' or '}' is missing");
  }

  bool array(Json& out, int depth) {
    out.kind = Json::Kind::kArray;
    take('[');
    skipSpace();
    if (take(']')) return true;
    do {
      skipSpace();
      if (!value(out.elements.emplace_back(), depth + 1)) return false;
      skipSpace();
    } while (take(','));
    return take(']') || fail("',' or ']' is missing");
  }

  /// A number, true, false or null.
  bool plain(Json& out) {
    const auto ends = [](char c) {
      return std::string_view(" \t\r\n,:]}[{\"").find(c) != std::string_view::npos;
    };
    const auto end = std::find_if(rest_.begin(), rest_.end(), ends);
    out.text.assign(rest_.begin(), end);
    rest_.remove_prefix(out.text.size());
    if (out.text == "null") return true;
    if (out.text == "true" || out.text == "false") {
      out.kind = Json::Kind::kBoolean;
      return true;
    }
    out.kind = Json::Kind::kNumber;
    return isNumber(out.text) || fail("'" + printable(out.text) + "' is no JSON value");
  }

  static bool isNumber(std::string_view text) {
    const auto digits = [&text] {
      const std::size_t count = std::min(text.find_first_not_of("0123456789"), text.size());
      text.remove_prefix(count);
      return count;
    };
    if (text.starts_with('-')) text.remove_prefix(1);
    const bool zero = text.starts_with('0');
    const std::size_t whole = digits();
    if (whole == 0 || (zero && whole > 1)) return false;
    if (text.starts_with('.')) {
      text.remove_prefix(1);
      if (digits() == 0) return false;
    }
    if (text.starts_with('e') || text.starts_with('E')) {
      text.remove_prefix(1);
      if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
      if (digits() == 0) return false;
    }
    return text.empty();
  }

  static std::string printable(std::string_view text) {
    std::string shown;
    for (const char c : text.substr(0, 40)) shown += c > ' ' && c < 0x7f ? c : '?';
    return shown;
  }

  bool string(std::string& out) {
    take('"');
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') return isUtf8(out) || fail("a text is not UTF-8");
      if (static_cast<unsigned char>(c) < 0x20)
        return fail("a text holds a control character or has no closing quote");
      if (c != '\\')
        out += c;
      else if (!escape(out))
        return false;
    }
    return fail("a text has no closing quote");
  }

  bool escape(std::string& out) {
    static constexpr std::string_view kNames = "\"\\/bfnrt";
    static constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    const char name = peek();
    if (rest_.empty()) return fail("a text has no closing quote");
    rest_.remove_prefix(1);
    if (name == 'u') return unicodeEscape(out);
    const std::size_t found = kNames.find(name);
    if (found == kNames.npos)
      return fail("an escape is unknown: use \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX");
    out += kMeanings[found];
    return true;
  }

  bool unicodeEscape(std::string& out) {
    std::uint32_t code = 0;
    if (!fourHex(code)) return fail("\\u is followed by four hexadecimal digits");
    if (code >= 0xDC00 && code < 0xE000) return fail("half of a surrogate pair is missing");
    if (code >= 0xD800 && code < 0xDC00) {
      std::uint32_t low = 0;
      if (!take('\\') || !take('u') || !fourHex(low) || low < 0xDC00 || low >= 0xE000)
        return fail("half of a surrogate pair is missing");
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    appendUtf8(out, code);
    return true;
  }

  bool fourHex(std::uint32_t& code) {
    if (rest_.size() < 4) return false;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + 4, code, 16);
    if (error != std::errc{} || end != rest_.data() + 4) return false;
    rest_.remove_prefix(4);
    return true;
  }

  std::string_view rest_;
  std::size_t line_ = 1;
  std::string problem_;
};

}  // namespace

Error atLine(std::size_t line, const std::string& message) {
  return Error::invalid("line " + std::to_string(line) + ": " + message);
}

Result<Json> readJson(std::string_view text) { return Parser(text).run(); }

std::optional<std::uint64_t> Json::natural() const {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (kind != Kind::kNumber || error != std::errc{} || end != text.data() + text.size())
    return std::nullopt;
  return number;
}

std::optional<double> Json::number() const {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (kind != Kind::kNumber || error != std::errc{} || end != text.data() + text.size())
    return std::nullopt;
  return number;
}

std::optional<bool> Json::boolean() const {
  if (kind != Kind::kBoolean) return std::nullopt;
  return text == "true";
}

}  // namespace control::mock
