#include "mock/mock_script.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "mock/mock_lexer.h"
#include "mock/mock_text.h"

namespace control::mock {
namespace {

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

Statement printStatement(std::string text) {
  return {.kind = Statement::Kind::kPrint, .text = std::move(text) + '\n'};
}

/// `id -u` and `id -g`. A user that has a name has a number that only the image knows.
std::optional<Statement> idStatement(const std::vector<std::string>& words,
                                     const std::string& user) {
  if (words.size() != 2 || (words[1] != "-u" && words[1] != "-g")) return std::nullopt;
  const std::size_t colon = std::min(user.find(':'), user.size());
  const std::string number =
      words[1] == "-u" ? user.substr(0, colon) : user.substr(std::min(colon + 1, user.size()));
  if (number.empty()) return printStatement("0");
  return parseInteger(number) ? std::optional(printStatement(number)) : std::nullopt;
}

std::optional<Statement> trapStatement(const std::vector<std::string>& words,
                                       const Surroundings& surroundings) {
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
  auto body = parseScript(words[1], surroundings);
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

std::optional<Statement> execStatement(const std::vector<std::string>& words,
                                       const Surroundings& surroundings);

std::optional<Statement> simpleStatement(const std::vector<std::string>& words,
                                         const Surroundings& surroundings) {
  const std::string& name = words.front();
  if (name == ":" || name == "true") return Statement{.code = 0};
  if (name == "false") return Statement{.code = 1};
  if (name == "echo") return echoStatement(words);
  if (name == "sleep") return sleepStatement(words);
  if (name == "exit") return exitStatement(words);
  if (name == "trap") return trapStatement(words, surroundings);
  if (name == "kill") return killStatement(words);
  if (name == "exec") return execStatement(words, surroundings);
  if (name == "id") return idStatement(words, surroundings.user);
  if (name == "hostname" && words.size() == 1) return printStatement(surroundings.hostname);
  if (name == "pwd" && words.size() == 1)
    return printStatement(surroundings.working_directory.empty() ? "/"
                                                                 : surroundings.working_directory);
  if (name == "cat" && words.size() == 1) return Statement{.kind = Statement::Kind::kCopyInput};
  if (name == "wait" && (words.size() == 1 || (words.size() == 2 && words[1] == "$!")))
    return Statement{.kind = Statement::Kind::kWait};
  if (name == "printf" && words.size() == 2 && words[1].find('%') == std::string::npos)
    return Statement{.kind = Statement::Kind::kPrint, .text = unescape(words[1])};
  return std::nullopt;
}

std::optional<Statement> execStatement(const std::vector<std::string>& words,
                                       const Surroundings& surroundings) {
  if (words.size() < 2 || (words[1] != "sleep" && words[1] != "cat")) return std::nullopt;
  auto statement = simpleStatement({words.begin() + 1, words.end()}, surroundings);
  if (statement) statement->replaces_shell = true;
  return statement;
}

class ScriptParser {
 public:
  ScriptParser(std::vector<Token> tokens, const Surroundings& surroundings)
      : tokens_(std::move(tokens)), surroundings_(surroundings) {}

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
    auto statement = simpleStatement(words, surroundings_);
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
  const Surroundings& surroundings_;
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

}  // namespace

std::optional<Block> parseScript(std::string_view script, const Surroundings& surroundings) {
  auto tokens = splitScript(script, surroundings.environment);
  if (!tokens) return std::nullopt;
  return ScriptParser(std::move(*tokens), surroundings).run();
}

Program parseCommand(const std::vector<std::string>& argv, const Surroundings& surroundings) {
  if (argv.empty()) return {};
  if (isMissing(argv.front())) return {.kind = Program::Kind::kMissing};
  const std::string name = argv.front().substr(argv.front().rfind('/') + 1);
  if (name == "sh" || name == "ash" || name == "dash" || name == "bash") {
    if (argv.size() != 3 || argv[1] != "-c") return {.kind = Program::Kind::kOpaque};
    auto body = parseScript(argv[2], surroundings);
    if (!body) return {.kind = Program::Kind::kOpaque};
    return {.kind = Program::Kind::kUnderstood, .body = std::move(*body)};
  }
  static constexpr std::array<std::string_view, 9> kKnown{
      "sleep", "cat", "echo", "true", "false", "printf", "pwd", "hostname", "id"};
  if (std::find(kKnown.begin(), kKnown.end(), name) == kKnown.end()) return {};
  std::vector<std::string> words = argv;
  words.front() = name;
  auto statement = simpleStatement(words, surroundings);
  if (!statement) return {.kind = Program::Kind::kOpaque};
  statement->replaces_shell = name == "sleep" || name == "cat";
  return {.kind = Program::Kind::kUnderstood, .body = {std::move(*statement)}};
}

}  // namespace control::mock
