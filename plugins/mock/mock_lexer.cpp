#include "mock/mock_lexer.h"

#include <algorithm>
#include <utility>

namespace control::mock {
namespace {

class Lexer {
 public:
  explicit Lexer(std::string_view script) : rest_(script) {}

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
      if (c == '$' || c == '`') return false;
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

  /// Only the shell's own process and its last background one.
  bool variable() {
    if (in_word_ || rest_.empty()) return false;
    const char c = take();
    if (c != '$' && c != '!') return false;
    add('$');
    add(c);
    return rest_.empty() || std::string_view(" \t\n;&").find(rest_.front()) != rest_.npos;
  }

  std::string_view rest_;
  std::vector<Token> tokens_;
  Token word_;
  bool in_word_ = false;
};

}  // namespace

std::optional<std::vector<Token>> splitScript(std::string_view script) {
  return Lexer(script).run();
}

}  // namespace control::mock
