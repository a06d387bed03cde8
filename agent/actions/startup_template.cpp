#include "agent/actions/startup_template.h"

#include <algorithm>
#include <array>
#include <optional>

#include "agent/actions/line_ends.h"
#include "agent/panel/refusal.h"

namespace agent {
namespace {

bool isLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool isDigit(char c) { return c >= '0' && c <= '9'; }
bool isBlank(char c) { return c == ' ' || c == '\t'; }

bool isShellName(std::string_view name) {
  return !name.empty() && isLetter(name.front()) &&
         std::all_of(name.begin(), name.end(), [](char c) { return isLetter(c) || isDigit(c); });
}

/// Variables that shells set themselves, whatever the environment says.
bool isSetByShell(std::string_view name) {
  static constexpr std::array<std::string_view, 15> kNames = {
      "_",   "IFS",  "PWD",     "OLDPWD", "PPID",         "OPTIND",    "LINENO", "RANDOM",
      "UID", "EUID", "SECONDS", "SHLVL",  "BASH_COMMAND", "SHELLOPTS", "BASHPID"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

bool isReservedWord(std::string_view word) {
  static constexpr std::array<std::string_view, 22> kWords = {
      "if",  "then", "else", "elif", "fi", "do", "done", "case", "esac",     "while",  "until",
      "for", "in",   "{",    "}",    "!",  "[[", "]]",   "time", "function", "select", "coproc"};
  return std::find(kWords.begin(), kWords.end(), word) != kWords.end();
}

/// Commands that are the shell's own; `exec` would look for a program of that name.
bool isBuiltin(std::string_view word) {
  static constexpr std::array<std::string_view, 35> kWords = {
      ".",      ":",     "[",      "alias", "bg",     "break",    "cd",     "command", "continue",
      "echo",   "eval",  "exec",   "exit",  "export", "false",    "fg",     "getopts", "hash",
      "jobs",   "local", "printf", "pwd",   "read",   "readonly", "return", "set",     "shift",
      "source", "test",  "times",  "trap",  "true",   "ulimit",   "umask",  "unset"};
  return std::find(kWords.begin(), kWords.end(), word) != kWords.end() || word == "wait" ||
         word == "kill" || word == "type" || word == "unalias";
}

/// A value that means itself wherever it stands, unless it is a word of the shell's grammar or
/// stands in front of a redirection, where a number would name a descriptor.
bool isPlainValue(std::string_view value, char next) {
  static constexpr std::string_view kPunctuation = "._/:@%+,-";
  const bool plain = std::all_of(value.begin(), value.end(), [](char c) {
    return isLetter(c) || isDigit(c) || kPunctuation.find(c) != std::string_view::npos;
  });
  return plain && !value.empty() && !isReservedWord(value) && !isBuiltin(value) && next != '<' &&
         next != '>';
}

/// How the shell reads the characters at one place of a command.
class QuotingContext {
 public:
  enum class Kind { kPlain, kDouble, kSingle, kComment };

  Kind kind() const { return stack_.back().kind; }

  /// Takes the next characters of `rest` that belong together; returns how many.
  std::size_t advance(std::string_view rest) {
    const char c = rest.front();
    std::size_t taken = 1;
    switch (kind()) {
      case Kind::kSingle:
        if (c == '\'') stack_.pop_back();
        break;
      case Kind::kComment:
        if (c == '\n') stack_.pop_back();
        break;
      case Kind::kDouble:
        taken = inDouble(rest);
        break;
      case Kind::kPlain:
        taken = inPlain(rest);
        break;
    }
    word_start_ = isBlank(c) || c == '\n' || c == ';' || c == '&' || c == '|' || c == '(';
    return taken;
  }

 private:
  struct Level {
    Kind kind;
    char closing = '\0';  // of a substitution; '\0' for quotes
    int open = 0;         // parentheses open inside a substitution
  };

  std::size_t inDouble(std::string_view rest) {
    if (rest.front() == '"') stack_.pop_back();
    return common(rest);
  }

  std::size_t inPlain(std::string_view rest) {
    Level& level = stack_.back();
    switch (rest.front()) {
      case '\'':
        stack_.push_back({Kind::kSingle});
        return 1;
      case '"':
        stack_.push_back({Kind::kDouble});
        return 1;
      case '#':
        if (word_start_) stack_.push_back({Kind::kComment});
        return 1;
      case '(':
        ++level.open;
        return 1;
      case ')':
        if (level.open > 0) {
          --level.open;
        } else if (level.closing == ')') {
          stack_.pop_back();
        }
        return 1;
      default:
        return common(rest);
    }
  }

  /// What means the same in and outside of double quotes.
  std::size_t common(std::string_view rest) {
    if (rest.front() == '\\') return std::min<std::size_t>(2, rest.size());
    if (rest.starts_with("$(")) {
      stack_.push_back({Kind::kPlain, ')'});
      return 2;
    }
    if (rest.front() == '`') toggleBackquote();
    return 1;
  }

  void toggleBackquote() {
    const auto open = std::find_if(stack_.rbegin(), stack_.rend(),
                                   [](const Level& level) { return level.closing == '`'; });
    if (open == stack_.rend()) {
      stack_.push_back({Kind::kPlain, '`'});
    } else {
      stack_.erase(std::prev(open.base()), stack_.end());
    }
  }

  std::vector<Level> stack_{{Kind::kPlain}};
  bool word_start_ = true;
};

std::string reference(std::string_view name, QuotingContext::Kind kind) {
  const std::string bare = "${" + std::string(name) + "}";
  switch (kind) {
    case QuotingContext::Kind::kDouble:
      return bare;
    case QuotingContext::Kind::kSingle:
      return "'\"" + bare + "\"'";
    default:
      return '"' + bare + '"';
  }
}

const std::string* lookUp(const Environment& environment, std::string_view name) {
  const auto found = std::find_if(environment.begin(), environment.end(),
                                  [&](const auto& variable) { return variable.first == name; });
  return found == environment.end() ? nullptr : &found->second;
}

/// The name in `{{NAME}}` at the start of `rest`; empty when there is none.
std::string_view placeholderName(std::string_view rest) {
  if (!rest.starts_with("{{")) return {};
  const std::size_t end = rest.find("}}", 2);
  if (end == std::string_view::npos) return {};
  const std::string_view name = rest.substr(2, end - 2);
  return name.find_first_of("{}\n") == std::string_view::npos ? name : std::string_view{};
}

std::string substitute(std::string_view name, const std::string& value, char next,
                       QuotingContext::Kind kind) {
  if (isPlainValue(value, next)) return value;
  if (!isShellName(name) || isSetByShell(name))
    throw Refusal("INVALID_PAYLOAD",
                  "payload.environment." + std::string(name) +
                      " is used in startup, and its name is no shell variable: its value may hold "
                      "only letters, digits and ._/:@%+,-");
  return reference(name, kind);
}

/// The kernel takes no longer argument, its NUL included (MAX_ARG_STRLEN).
constexpr std::size_t kMostCommandBytes = 128 * 1024 - 1;

void requireArgument(std::size_t bytes) {
  if (bytes > kMostCommandBytes)
    throw Refusal(
        "INVALID_PAYLOAD",
        "payload.startup is longer than 128 KiB once {{NAME}} is filled in, and no command "
        "may be; ${NAME} leaves a long value to the shell");
}

std::string fill(std::string_view rest, const Environment& environment) {
  std::string out;
  QuotingContext context;
  while (!rest.empty()) {
    const std::string_view name = placeholderName(rest);
    const std::string* value = name.empty() ? nullptr : lookUp(environment, name);
    if (value == nullptr) {
      const std::size_t taken = context.advance(rest);
      out.append(rest.substr(0, taken));
      rest.remove_prefix(taken);
      continue;
    }
    rest.remove_prefix(name.size() + 4);
    out += substitute(name, *value, rest.empty() ? '\0' : rest.front(), context.kind());
    requireArgument(out.size());
  }
  return out;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (isBlank(text.back()) || text.back() == '\n' || text.back() == '\r'))
    text.remove_suffix(1);
  while (!text.empty() && (isBlank(text.front()) || text.front() == '\n')) text.remove_prefix(1);
  return text;
}

/// Whether the shell does more with `text` than run one program: looks at operators alone.
bool hasControlOperator(std::string_view text) {
  char quote = '\0';
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const char previous = i > 0 ? text[i - 1] : '\0';
    const char next = i + 1 < text.size() ? text[i + 1] : '\0';
    if (quote == '\'') {
      if (c == '\'') quote = '\0';
    } else if (c == '\\') {
      ++i;
    } else if (quote == '"') {
      if (c == '"') quote = '\0';
    } else if (c == '\'' || c == '"') {
      quote = c;
    } else if (c == '&') {
      if (previous != '>' && previous != '<') return true;
    } else if (c == '|') {
      if (previous != '>') return true;
    } else if (c == '(') {
      if (previous != '$') return true;
    } else if (c == ';' || c == '\n' || (c == '<' && next == '<')) {
      return true;
    }
  }
  return quote != '\0';
}

/// Length of the first word of `text`, quotes included.
std::size_t wordLength(std::string_view text) {
  QuotingContext context;
  std::size_t length = 0;
  while (length < text.size()) {
    const bool outside = context.kind() == QuotingContext::Kind::kPlain;
    if (outside && isBlank(text[length])) break;
    length += context.advance(text.substr(length));
  }
  return length;
}

bool isAssignment(std::string_view word) {
  const std::size_t equals = word.find('=');
  return equals != std::string_view::npos && isShellName(word.substr(0, equals));
}

/// Where the program's name starts behind variable assignments; nullopt when there is none.
std::optional<std::size_t> commandStart(std::string_view text) {
  std::size_t start = 0;
  while (start < text.size()) {
    const std::size_t length = wordLength(text.substr(start));
    if (!isAssignment(text.substr(start, length))) return start;
    start += length;
    while (start < text.size() && isBlank(text[start])) ++start;
  }
  return std::nullopt;
}

}  // namespace

bool isSimpleCommand(std::string_view text) {
  text = trimmed(text);
  const std::optional<std::size_t> start = commandStart(text);
  if (!start || hasControlOperator(text)) return false;
  const std::string_view word = text.substr(*start, wordLength(text.substr(*start)));
  return !word.starts_with('#') && !isReservedWord(word) && !isBuiltin(word);
}

std::string expandStartup(std::string_view startup, const Environment& environment) {
  const std::string lines = withPlainLineEnds(startup);
  std::string text = fill(trimmed(lines), environment);
  if (isSimpleCommand(text)) text.insert(*commandStart(text), "exec ");
  requireArgument(text.size());
  return text;
}

}  // namespace agent
