// Reading of JSON by Poco, behind checks of our own.

#include <algorithm>
#include <charconv>
#include <set>
#include <system_error>

#include <Poco/Exception.h>
#include <Poco/JSON/Handler.h>
#include <Poco/JSON/Parser.h>

#include "agent/panel/json_plain.h"
#include "agent/panel/json_text.h"
#include "agent/utf8.h"

namespace agent {
namespace {

/// What Poco would cut, or read a character at a time, is put aside while it parses. In its place
/// stands U+FFFF, which is no character, and a letter that says what it was.
constexpr std::string_view kAside = "\xEF\xBF\xBF";
constexpr char kNul = '0';
constexpr char kItself = 'F';
constexpr char kRun = 'R';  ///< the number of the run and ';' follow
/// Shorter ones are not worth it.
constexpr std::size_t kShortRun = 256;

using Runs = std::vector<std::string_view>;

std::string restored(std::string text, const Runs& runs) {
  std::size_t at = text.find(kAside);
  if (at == std::string::npos) return text;
  std::string whole;
  std::size_t done = 0;
  for (; at != std::string::npos; at = text.find(kAside, done)) {
    whole.append(text, done, at - done);
    done = at + kAside.size();
    const char kind = text[done++];
    if (kind == kNul) whole += '\0';
    if (kind == kItself) whole += kAside;
    if (kind != kRun) continue;
    const std::size_t end = text.find(';', done);
    whole += runs.at(std::stoul(text.substr(done, end - done)));
    done = end + 1;
  }
  return whole.append(text, done);
}

/// What Poco's parser lets pass or gets wrong, found by looking at the characters alone.
struct LexicalCheck {
  std::string problem;
  /// The text with what is put aside, and with `e0` behind every integer beyond 64 bits, which Poco
  /// 1.11 would otherwise wrap around or stumble over: it then reads them as double.
  std::string text;
  Runs runs{};  ///< borrowed from the original
};

bool isNumberCharacter(char c) {
  return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

class LexicalScan {
 public:
  explicit LexicalScan(std::string_view text) : rest_(text) {
    result_.text.reserve(std::min<std::size_t>(text.size(), 4096));
  }

  LexicalCheck run() {
    if (!isUtf8(rest_)) result_.problem = "the text is not valid UTF-8";
    while (!rest_.empty()) {
      const char c = rest_.front();
      if (c == '\0') result_.problem = "the text holds a NUL character";
      if (c == '"') {
        string();
      } else if (c == '-' || (c >= '0' && c <= '9')) {
        number();
      } else {
        take(1);
      }
    }
    return std::move(result_);
  }

 private:
  void take(std::size_t count) {
    result_.text.append(rest_.substr(0, count));
    rest_.remove_prefix(count);
  }

  void string() {
    take(1);
    while (!rest_.empty() && rest_.front() != '"') {
      if (const std::size_t plain = plainLength(rest_); plain > 0) {
        run(plain);
        continue;
      }
      if (rest_.front() == '\0') result_.problem = "a text holds a NUL character";
      if (rest_.starts_with("\\u0000")) {
        putAside(6, kNul);
      } else if (rest_.starts_with(kAside)) {
        putAside(kAside.size(), kItself);
      } else if (isEscapeOfAside(rest_)) {
        putAside(6, kItself);
      } else {
        take(rest_.front() == '\\' ? std::min<std::size_t>(2, rest_.size()) : 1);
      }
    }
    if (!rest_.empty()) take(1);
  }

  void run(std::size_t length) {
    if (length < kShortRun) return take(length);
    result_.runs.push_back(rest_.substr(0, length));
    putAside(length, kRun);
    result_.text += std::to_string(result_.runs.size() - 1) + ';';
  }

  void putAside(std::size_t length, char kind) {
    result_.text += kAside;
    result_.text += kind;
    rest_.remove_prefix(length);
  }

  static bool isEscapeOfAside(std::string_view text) {
    return text.size() >= 6 && text.starts_with("\\u") &&
           std::all_of(text.begin() + 2, text.begin() + 6, [](char c) { return (c | 32) == 'f'; });
  }

  void number() {
    std::size_t length = 0;
    while (length < rest_.size() && isNumberCharacter(rest_[length])) ++length;
    const std::string_view token = rest_.substr(0, length);
    take(length);
    if (token.find_first_of(".eE") == std::string_view::npos) {
      std::int64_t value = 0;
      const auto read = std::from_chars(token.data(), token.data() + token.size(), value);
      if (read.ec == std::errc::result_out_of_range) result_.text += "e0";
    }
    double value = 0;
    const auto read = std::from_chars(token.data(), token.data() + token.size(), value);
    if (read.ec == std::errc::result_out_of_range && !tooSmall(token))
      result_.problem = "a number is out of range";
  }

  /// from_chars reports 1e-400 as out of range too; that is only nearly nothing.
  static bool tooSmall(std::string_view token) {
    const std::size_t exponent = token.find_first_of("eE");
    return exponent != std::string_view::npos && token.substr(exponent + 1).starts_with('-');
  }

  std::string_view rest_;
  LexicalCheck result_;
};

struct Malformed {
  std::string problem;
};

/// Builds the value while Poco parses, and stops at what Poco would let pass.
class Builder : public Poco::JSON::Handler {
 public:
  explicit Builder(const Runs& runs) : runs_(runs) {}

  void reset() override {}
  void startObject() override { open(Json::object()); }
  void endObject() override { close(); }
  void startArray() override { open(Json::array()); }
  void endArray() override { close(); }
  void key(const std::string& raw) override {
    const std::string name = restored(raw, runs_);
    Level& level = levels_.back();
    if (!level.names.insert(name).second) throw Malformed{"duplicate key '" + name + "'"};
    level.name = name;
  }
  void null() override { add(Json()); }
  void value(int v) override { add(Json(v)); }
  void value(unsigned v) override { add(Json(static_cast<std::int64_t>(v))); }
  void value(Poco::Int64 v) override { add(Json(static_cast<std::int64_t>(v))); }
  void value(Poco::UInt64 v) override { add(Json(static_cast<std::uint64_t>(v))); }
  /// -0.0 would be written as "-0", which is the integer 0.
  void value(double v) override { add(Json(v == 0 ? 0.0 : v)); }
  void value(bool v) override { add(Json(v)); }
  void value(const std::string& raw) override {
    std::string v = restored(raw, runs_);
    const bool is_id = levels_.size() == 1 && levels_.back().name == "id";
    if (is_id && v.find('\0') == std::string::npos) id = v;
    add(Json(std::move(v)));
  }

  std::optional<std::string> id{};
  Json root{};

 private:
  struct Level {
    Json value;
    std::string name{};
    std::set<std::string> names{};
  };

  void open(Json value) {
    if (levels_.size() >= static_cast<std::size_t>(kMaximumJsonDepth))
      throw Malformed{"nested deeper than " + std::to_string(kMaximumJsonDepth) + " levels"};
    levels_.push_back({std::move(value)});
  }

  void close() {
    Json value = std::move(levels_.back().value);
    levels_.pop_back();
    add(std::move(value));
  }

  void add(Json value) {
    if (levels_.empty()) {
      root = std::move(value);
    } else if (levels_.back().value.members() != nullptr) {
      levels_.back().value.set(levels_.back().name, std::move(value));
    } else {
      levels_.back().value.add(std::move(value));
    }
  }

  const Runs& runs_;
  std::vector<Level> levels_{};
};

}  // namespace

JsonReading readJsonObject(std::string_view text) {
  LexicalCheck check = LexicalScan(text).run();
  JsonReading reading;
  Poco::SharedPtr<Builder> builder(new Builder(check.runs));
  try {
    Poco::JSON::Parser parser(builder);
    parser.parse(check.text);
  } catch (const Malformed& malformed) {
    reading.problem = malformed.problem;
  } catch (const Poco::Exception& error) {
    reading.problem = "not JSON: " + error.message();
  } catch (const std::exception& error) {
    reading.problem = std::string("not JSON: ") + error.what();
  }
  reading.id = builder->id;
  if (!check.problem.empty()) reading.problem = std::move(check.problem);
  if (reading.problem.empty() && builder->root.members() == nullptr)
    reading.problem = "not a JSON object";
  if (reading.problem.empty()) reading.value = std::move(builder->root);
  return reading;
}

}  // namespace agent
