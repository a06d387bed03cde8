#include "mock/mock_lexer.h"

#include <algorithm>
#include <utility>

namespace control::mock {
namespace {

class Lexer {
 public:
  Lexer(std::string_view script, const Variables& variables)
      : rest_(script), variables_(variables) {}

  /// Nullopt: a construct that is not understood.
  std::optional<std::vector<Token>> run() {
    while (!rest_.empty())
      if (!step()) return std::nullopt;
    endWord();
    return std::move(tokens_);
  }

 private:
  bool step() {
    const char c = take();
    switch (c) {
      case ' ':
      case '\t':
      case '\r':
        endWord();
        return true;
      case '\n':
      case ';':
        return addOperator(";");
      case '&':
        return !rest_.starts_with('&') && addOperator("&");
      case '>':
        return redirect();
      case '\'':
        return singleQuoted();
      case '"':
        return doubleQuoted();
      case '\\':
        return escaped();
      case '$':
        return variable();
      case '#':
        if (in_word_) break;
        rest_.remove_prefix(std::min(rest_.find('\n'), rest_.size()));
        return true;
      case '|':
      case '<':
      case '(':
      case ')':
      case '`':
      case '{':
      case '}':
      case '*':
      case '?':
        return false;
      default:
        break;
    }
    add(c);
    return true;
  }

  char take() {
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }

  void add(char c) {
    in_word_ = true;
    word_.text += c;
  }

  void endWord() {
    if (in_word_) tokens_.push_back(std::move(word_));
    word_ = {};
    in_word_ = false;
  }

  bool addOperator(std::string_view name) {
    endWord();
    tokens_.push_back({.is_operator = true, .text = std::string(name)});
    return true;
  }

  bool redirect() {
    if (!rest_.starts_with("&2")) return false;
    rest_.remove_prefix(2);
    if (in_word_ && word_.is("1")) {
      word_ = {};
      in_word_ = false;
    } else if (in_word_) {
      return false;
    }
    return addOperator(">&2");
  }

  bool singleQuoted() {
    const std::size_t end = rest_.find('\'');
    if (end == std::string_view::npos) return false;
    startQuoted();
    word_.text += rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return true;
  }

  bool doubleQuoted() {
    startQuoted();
    while (!rest_.empty()) {
      char c = take();
      if (c == '"') return true;
      if (c == '`') return false;
      if (c == '$') {
        const auto* const value = takeVariable();
        if (value == nullptr) return false;
        word_.text += *value;
        continue;
      }
      if (c == '\\' && !rest_.empty() &&
          std::string_view("\"\\$`").find(rest_.front()) != std::string_view::npos)
        c = take();
      word_.text += c;
    }
    return false;
  }

  void startQuoted() {
    in_word_ = true;
    word_.quoted = true;
  }

  bool escaped() {
    if (rest_.empty()) return false;
    const char c = take();
    if (c == '\n') return true;
    startQuoted();
    word_.text += c;
    return true;
  }

  /// The shell's own process, its last background one, or a value that is one word.
  bool variable() {
    if (const auto* const value = takeVariable(); value != nullptr) {
      if (value->empty() || value->find_first_of(" \t\n*?[\\") != std::string::npos) return false;
      for (const char c : *value) add(c);
      return true;
    }
    if (in_word_ || rest_.empty()) return false;
    const char c = take();
    if (c != '$' && c != '!') return false;
    add('$');
    add(c);
    return rest_.empty() || std::string_view(" \t\n;&").find(rest_.front()) != rest_.npos;
  }

  /// The value of the variable whose name, or name in braces, is next. Null: there is none, and
  /// nothing was taken.
  const std::string* takeVariable() {
    const bool braces = rest_.starts_with('{');
    const std::string_view from = rest_.substr(braces ? 1 : 0);
    const auto is_of_name = [](char c) {
      return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    };
    const auto end = std::find_if_not(from.begin(), from.end(), is_of_name);
    const std::string_view name = from.substr(0, static_cast<std::size_t>(end - from.begin()));
    if (braces && !from.substr(name.size()).starts_with('}')) return nullptr;
    const auto found = std::find_if(variables_.rbegin(), variables_.rend(),
                                    [&](const auto& one) { return one.first == name; });
    if (found == variables_.rend()) return nullptr;
    rest_.remove_prefix(name.size() + (braces ? 2 : 0));
    return &found->second;
  }

  std::string_view rest_;
  const Variables& variables_;
  std::vector<Token> tokens_;
  Token word_;
  bool in_word_ = false;
};

}  // namespace

std::optional<std::vector<Token>> splitScript(std::string_view script, const Variables& variables) {
  return Lexer(script, variables).run();
}

}  // namespace control::mock
