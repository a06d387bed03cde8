#include "mock/mock_script.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace control::mock {
namespace {

constexpr Duration kForEver = Duration::max();

/// A word, or an operator: ";" (also a line's end), "&", ">&2".
struct Token {
  bool is_operator = false;
  bool quoted = false;
  std::string text{};

  bool is(std::string_view word) const { return !is_operator && !quoted && text == word; }
  bool isOperator(std::string_view name) const { return is_operator && text == name; }
};

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

std::optional<int> parseInteger(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return number;
}

std::optional<Statement> sleepStatement(const std::vector<std::string>& words) {
  if (words.size() != 2) return std::nullopt;
  const auto duration = parseDuration(words[1]);
  if (!duration) return std::nullopt;
  Statement statement{.kind = Statement::Kind::kSleep};
  if (*duration != kForEver) statement.duration = *duration;
  return statement;
}

Statement echoStatement(const std::vector<std::string>& words) {
  Statement statement{.kind = Statement::Kind::kPrint};
  std::size_t first = 1;
  bool newline = true;
  bool escapes = false;
  for (; first < words.size(); ++first) {
    if (words[first] == "-n")
      newline = false;
    else if (words[first] == "-e")
      escapes = true;
    else
      break;
  }
  for (std::size_t i = first; i < words.size(); ++i)
    statement.text += (i == first ? "" : " ") + words[i];
  if (escapes) statement.text = unescape(statement.text);
  if (newline) statement.text += '\n';
  return statement;
}

std::optional<Statement> exitStatement(const std::vector<std::string>& words) {
  Statement statement{.kind = Statement::Kind::kExit};
  if (words.size() == 1) return statement;
  const auto code = parseInteger(words[1]);
  if (words.size() != 2 || !code || *code < 0) return std::nullopt;
  statement.code = *code & 255;
  return statement;
}

std::optional<Statement> trapStatement(const std::vector<std::string>& words) {
  if (words.size() < 3) return std::nullopt;
  Statement statement{.kind = Statement::Kind::kTrap};
  for (std::size_t i = 2; i < words.size(); ++i) {
    const auto signal = Signal::parse(words[i]);
    if (!signal) return std::nullopt;
    statement.signals.push_back(*signal);
  }
  if (words[1] == "-") {
    statement.resets = true;
    return statement;
  }
  auto body = parseScript(words[1]);
  if (!body) return std::nullopt;
  // `trap : TERM` catches and does nothing, which is not the same as ignoring.
  statement.body = std::move(*body);
  return statement;
}

std::optional<Statement> killStatement(std::vector<std::string> words) {
  if (words.size() < 2 || words.back() != "$$") return std::nullopt;
  words.pop_back();
  std::string name = "TERM";
  if (words.size() == 2 && words[1].starts_with('-'))
    name = words[1].substr(1);
  else if (words.size() == 3 && words[1] == "-s")
    name = words[2];
  else if (words.size() != 1)
    return std::nullopt;
  const auto signal = Signal::parse(name);
  if (!signal) return std::nullopt;
  return Statement{.kind = Statement::Kind::kKillSelf, .signals = {*signal}};
}

std::optional<Statement> execStatement(const std::vector<std::string>& words);

std::optional<Statement> simpleStatement(const std::vector<std::string>& words) {
  const std::string& name = words.front();
  if (name == ":" || name == "true") return Statement{.code = 0};
  if (name == "false") return Statement{.code = 1};
  if (name == "echo") return echoStatement(words);
  if (name == "sleep") return sleepStatement(words);
  if (name == "exit") return exitStatement(words);
  if (name == "trap") return trapStatement(words);
  if (name == "kill") return killStatement(words);
  if (name == "exec") return execStatement(words);
  if (name == "cat" && words.size() == 1) return Statement{.kind = Statement::Kind::kCopyInput};
  if (name == "wait" && (words.size() == 1 || (words.size() == 2 && words[1] == "$!")))
    return Statement{.kind = Statement::Kind::kWait};
  if (name == "printf" && words.size() == 2 && words[1].find('%') == std::string::npos)
    return Statement{.kind = Statement::Kind::kPrint, .text = unescape(words[1])};
  return std::nullopt;
}

std::optional<Statement> execStatement(const std::vector<std::string>& words) {
  if (words.size() < 2 || (words[1] != "sleep" && words[1] != "cat")) return std::nullopt;
  auto statement = simpleStatement({words.begin() + 1, words.end()});
  if (statement) statement->replaces_shell = true;
  return statement;
}

class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  std::optional<Block> run() {
    auto block = parseBlock(false);
    if (!block || at_ != tokens_.size()) return std::nullopt;
    return block;
  }

 private:
  // A script nests loops by hand; deeper than this is not one.
  static constexpr int kDeepest = 16;

  bool atEnd() const { return at_ == tokens_.size(); }
  const Token& peek() const { return tokens_[at_]; }
  void skipSeparators() {
    while (!atEnd() && peek().isOperator(";")) ++at_;
  }

  std::optional<Block> parseBlock(bool in_loop) {
    Block block;
    for (;;) {
      skipSeparators();
      if (atEnd()) return in_loop ? std::nullopt : std::optional(std::move(block));
      if (peek().is("done")) {
        if (!in_loop) return std::nullopt;
        ++at_;
        return block;
      }
      auto statement = peek().is("while") || peek().is("until") ? parseLoop() : parseSimple();
      if (!statement) return std::nullopt;
      block.push_back(std::move(*statement));
    }
  }

  bool expect(std::string_view word) {
    if (atEnd() || !peek().is(word)) return false;
    ++at_;
    return true;
  }

  std::optional<Statement> parseLoop() {
    const bool until = peek().is("until");
    ++at_;
    const bool endless = until ? expect("false") : expect("true") || expect(":");
    if (!endless || ++depth_ > kDeepest) return std::nullopt;
    skipSeparators();
    if (!expect("do")) return std::nullopt;
    auto body = parseBlock(true);
    --depth_;
    if (!body || body->empty()) return std::nullopt;
    if (!atEnd() && !peek().isOperator(";")) return std::nullopt;
    return Statement{.kind = Statement::Kind::kLoop, .body = std::move(*body)};
  }

  std::optional<Statement> parseSimple() {
    std::vector<std::string> words;
    bool to_stderr = false;
    for (; !atEnd() && !peek().isOperator(";") && !peek().isOperator("&"); ++at_) {
      if (peek().isOperator(">&2"))
        to_stderr = true;
      else
        words.push_back(peek().text);
    }
    const bool background = !atEnd() && peek().isOperator("&");
    if (!atEnd()) ++at_;
    if (words.empty()) return std::nullopt;
    auto statement = simpleStatement(words);
    if (!statement) return std::nullopt;
    if (to_stderr) {
      if (statement->kind != Statement::Kind::kPrint) return std::nullopt;
      statement->source = OutputSource::kStderr;
    }
    if (!background) return statement;
    if (statement->kind != Statement::Kind::kSleep || statement->replaces_shell)
      return std::nullopt;
    statement->kind = Statement::Kind::kBackgroundSleep;
    return statement;
  }

  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

bool isMissing(std::string_view path) {
  static constexpr std::array<std::string_view, 5> kNames{"nosuch", "no-such", "missing",
                                                          "nonexistent", "does-not-exist"};
  return std::any_of(kNames.begin(), kNames.end(), [&](std::string_view name) {
    return path.find(name) != std::string_view::npos;
  });
}

int hexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::optional<Duration> parseDuration(std::string_view text) {
  if (text == "infinity" || text == "inf") return kForEver;
  double number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc{} || !(number >= 0)) return std::nullopt;
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  double nanoseconds = 0;
  if (unit.empty() || unit == "s")
    nanoseconds = 1e9;
  else if (unit == "ms")
    nanoseconds = 1e6;
  else if (unit == "us")
    nanoseconds = 1e3;
  else if (unit == "m")
    nanoseconds = 60e9;
  else if (unit == "h")
    nanoseconds = 3600e9;
  else if (unit == "d")
    nanoseconds = 86400e9;
  else
    return std::nullopt;
  const double total = number * nanoseconds;
  // Longer than anybody waits, and near the end of what a Duration holds.
  if (!(total < 9e18)) return kForEver;
  return Duration(std::llround(total));
}

std::string unescape(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      plain += text[i];
      continue;
    }
    const char c = text[++i];
    switch (c) {
      case 'n':
        plain += '\n';
        break;
      case 't':
        plain += '\t';
        break;
      case 'r':
        plain += '\r';
        break;
      case '\\':
        plain += '\\';
        break;
      case '0':
        plain += '\0';
        break;
      case 'x':
        if (i + 2 < text.size() && hexDigit(text[i + 1]) >= 0 && hexDigit(text[i + 2]) >= 0) {
          plain += static_cast<char>(hexDigit(text[i + 1]) * 16 + hexDigit(text[i + 2]));
          i += 2;
          break;
        }
        [[fallthrough]];
      default:
        plain += {'\\', c};
    }
  }
  return plain;
}

std::optional<Block> parseScript(std::string_view script) {
  auto tokens = Lexer(script).run();
  if (!tokens) return std::nullopt;
  return Parser(std::move(*tokens)).run();
}

Program parseCommand(const std::vector<std::string>& argv) {
  if (argv.empty()) return {};
  if (isMissing(argv.front())) return {.kind = Program::Kind::kMissing};
  const std::string name = argv.front().substr(argv.front().rfind('/') + 1);
  if (name == "sh" || name == "ash" || name == "dash" || name == "bash") {
    if (argv.size() != 3 || argv[1] != "-c") return {.kind = Program::Kind::kOpaque};
    auto body = parseScript(argv[2]);
    if (!body) return {.kind = Program::Kind::kOpaque};
    return {.kind = Program::Kind::kUnderstood, .body = std::move(*body)};
  }
  const bool known = name == "sleep" || name == "cat" || name == "echo" || name == "true" ||
                     name == "false" || name == "printf";
  if (!known) return {};
  std::vector<std::string> words = argv;
  words.front() = name;
  auto statement = simpleStatement(words);
  if (!statement) return {.kind = Program::Kind::kOpaque};
  statement->replaces_shell = name == "sleep" || name == "cat";
  return {.kind = Program::Kind::kUnderstood, .body = {std::move(*statement)}};
}

}  // namespace control::mock
