#include "engine/json.h"

#include <bit>
#include <charconv>
#include <cstring>

namespace control::engine {
namespace {

using Kind = JsonValue::Kind;

constexpr int kMaxDepth = 64;
constexpr std::size_t kMaxText = std::size_t{1} << 30;

bool isDigit(char c) noexcept { return c >= '0' && c <= '9'; }

}  // namespace

/// One pass over the text that lays down the nodes.
class JsonParser {
 public:
  explicit JsonParser(JsonDocument& document)
      : nodes_(document.nodes_),
        begin_(document.text_->data()),
        at_(begin_),
        end_(begin_ + document.text_->size()) {
    nodes_.reserve(document.text_->size() / 10 + 8);
  }

  bool run() {
    skipSpace();
    if (!value(0)) return false;
    skipSpace();
    return at_ == end_ || fail("something follows the value");
  }

  std::string problem() const {
    return std::string(problem_) + " at byte " + std::to_string(at_ - begin_);
  }

 private:
  bool fail(std::string_view why) {
    if (problem_.empty()) problem_ = why;
    return false;
  }

  void skipSpace() noexcept {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
  }

  std::uint32_t offset() const noexcept { return static_cast<std::uint32_t>(at_ - begin_); }

  std::size_t open(Kind kind) {
    nodes_.push_back({.kind = kind, .escaped = false, .begin = offset(), .length = 0, .next = 0});
    return nodes_.size() - 1;
  }

  bool close(std::size_t index) {
    auto& node = nodes_[index];
    node.length = offset() - node.begin;
    node.next = static_cast<std::uint32_t>(nodes_.size());
    return true;
  }

  bool value(int depth) {
    if (at_ == end_) return fail("the text ends early");
    switch (*at_) {
      case '{':
        return object(depth);
      case '[':
        return array(depth);
      case '"':
        return string();
      case 't':
        return word("true", Kind::kBoolean);
      case 'f':
        return word("false", Kind::kBoolean);
      case 'n':
        return word("null", Kind::kNull);
      default:
        return number();
    }
  }

  bool object(int depth) {
    if (depth == kMaxDepth) return fail("it is nested too deep");
    const std::size_t self = open(Kind::kObject);
    ++at_;
    skipSpace();
    if (at_ != end_ && *at_ == '}') return ++at_, close(self);
    for (;;) {
      if (at_ == end_ || *at_ != '"') return fail("a member's name is missing");
      if (!string()) return false;
      skipSpace();
      if (at_ == end_ || *at_ != ':') return fail("':' is missing");
      ++at_;
      skipSpace();
      if (!value(depth + 1)) return false;
      skipSpace();
      if (at_ == end_) return fail("the text ends early");
      if (*at_ == '}') return ++at_, close(self);
      if (*at_ != ',') return fail("',' or '}' is missing");
      ++at_;
      skipSpace();
    }
  }

  bool array(int depth) {
    if (depth == kMaxDepth) return fail("it is nested too deep");
    const std::size_t self = open(Kind::kArray);
    ++at_;
    skipSpace();
    if (at_ != end_ && *at_ == ']') return ++at_, close(self);
    for (;;) {
      if (!value(depth + 1)) return false;
      skipSpace();
      if (at_ == end_) return fail("the text ends early");
      if (*at_ == ']') return ++at_, close(self);
      if (*at_ != ',') return fail("',' or ']' is missing");
      ++at_;
      skipSpace();
    }
  }

  /// From the 'u' of an escape to behind its four digits.
  bool unicode(std::uint32_t& code) {
    if (end_ - at_ < 5) return fail("the text ends early");
    for (int i = 1; i <= 4; ++i)
      if (hexDigit(at_[i]) < 0) return fail("an escape is not hexadecimal");
    code = fourHex({at_ + 1, 4});
    at_ += 5;
    return true;
  }

  bool escape() {
    if (++at_ == end_) return fail("the text ends early");
    if (*at_ != 'u') {
      if (*at_ == '\0' || std::strchr("\"\\/bfnrt", *at_) == nullptr)
        return fail("an escape is unknown");
      ++at_;
      return true;
    }
    constexpr std::string_view kHalf = "half of a surrogate pair is missing";
    std::uint32_t code = 0;
    if (!unicode(code)) return false;
    if (code < 0xD800 || code >= 0xE000) return true;
    if (code >= 0xDC00 || end_ - at_ < 2 || at_[0] != '\\' || at_[1] != 'u') return fail(kHalf);
    ++at_;
    if (!unicode(code)) return false;
    return (code >= 0xDC00 && code < 0xE000) || fail(kHalf);
  }

  /// Skips what a string holds mostly, eight bytes at a time: printable ASCII but '"' and '\\'.
  void skipPlain() noexcept {
    constexpr std::uint64_t kOnes = 0x0101010101010101U;
    constexpr std::uint64_t kHighs = 0x8080808080808080U;
    for (; end_ - at_ >= 8; at_ += 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, at_, sizeof word);
      if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
      const std::uint64_t quote = word ^ (kOnes * '"');
      const std::uint64_t slash = word ^ (kOnes * '\\');
      // The high bit of each byte that is not plain. Bytes after the first may be marked in vain.
      const std::uint64_t special =
          (word | (word - kOnes * 0x20) | (quote - kOnes) | (slash - kOnes)) & kHighs;
      if (special == 0) continue;
      at_ += std::countr_zero(special) / 8;
      return;
    }
  }

  bool string() {
    ++at_;
    const std::size_t self = open(Kind::kString);
    const char* const first = at_;
    bool ascii = true;
    skipPlain();
    for (;;) {
      if (at_ == end_) return fail("a string does not end");
      const auto byte = static_cast<unsigned char>(*at_);
      if (byte == '"') break;
      if (byte < 0x20) return fail("a string holds a control character");
      if (byte == '\\') {
        nodes_[self].escaped = true;
        if (!escape()) return false;
        continue;
      }
      if (byte >= 0x80) ascii = false;
      ++at_;
    }
    if (!ascii && !isUtf8({first, static_cast<std::size_t>(at_ - first)}))
      return fail("a string is not UTF-8");
    close(self);
    ++at_;
    return true;
  }

  bool word(std::string_view text, Kind kind) {
    if (static_cast<std::size_t>(end_ - at_) < text.size() ||
        std::memcmp(at_, text.data(), text.size()) != 0)
      return fail("a word is unknown");
    const std::size_t self = open(kind);
    at_ += text.size();
    return close(self);
  }

  bool digits() {
    if (at_ == end_ || !isDigit(*at_)) return fail("a number is malformed");
    while (at_ != end_ && isDigit(*at_)) ++at_;
    return true;
  }

  bool number() {
    const std::size_t self = open(Kind::kNumber);
    if (*at_ == '-') ++at_;
    if (at_ != end_ && *at_ == '0') {
      ++at_;
    } else if (!digits()) {
      return false;
    }
    if (at_ != end_ && *at_ == '.') {
      ++at_;
      if (!digits()) return false;
    }
    if (at_ != end_ && (*at_ == 'e' || *at_ == 'E')) {
      ++at_;
      if (at_ != end_ && (*at_ == '+' || *at_ == '-')) ++at_;
      if (!digits()) return false;
    }
    return close(self);
  }

  std::vector<JsonDocument::Node>& nodes_;
  const char* const begin_;
  const char* at_;
  const char* const end_;
  std::string_view problem_{};
};

Result<JsonDocument> JsonDocument::parse(std::string text) {
  if (text.size() > kMaxText)
    return Error{.code = ErrorCode::kInternal, .message = "a JSON text of more than 1 GiB"};
  JsonDocument document;
  document.text_ = std::make_unique<std::string>(std::move(text));
  JsonParser parser(document);
  if (!parser.run())
    return Error{.code = ErrorCode::kInternal,
                 .message = "the engine's answer is not valid JSON: " + parser.problem()};
  return document;
}

Kind JsonValue::kind() const noexcept {
  return document_ == nullptr ? Kind::kMissing : document_->nodes_[index_].kind;
}

std::uint32_t JsonValue::end() const noexcept { return document_->nodes_[index_].next; }

std::uint32_t JsonValue::after(std::uint32_t index) const noexcept {
  return document_->nodes_[index].next;
}

bool JsonValue::empty() const noexcept {
  return (!isArray() && !isObject()) || end() == firstChild();
}

std::string JsonValue::keyAt(std::uint32_t index) const {
  return JsonValue(document_, index).stringOrEmpty();
}

JsonValue JsonValue::operator[](std::string_view key) const noexcept {
  if (!isObject()) return {};
  const char* const text = document_->text_->data();
  const auto* const nodes = document_->nodes_.data();
  for (std::uint32_t at = firstChild(), last = end(); at != last; at = nodes[at + 1].next) {
    // Names that are looked for have nothing in them that JSON must escape.
    if (nodes[at].length == key.size() &&
        std::memcmp(text + nodes[at].begin, key.data(), key.size()) == 0)
      return JsonValue(document_, at + 1);
  }
  return {};
}

std::optional<std::string> JsonValue::string() const {
  if (kind() != Kind::kString) return std::nullopt;
  const auto& node = document_->nodes_[index_];
  const std::string_view raw(document_->text_->data() + node.begin, node.length);
  return node.escaped ? unescaped(raw) : std::string(raw);
}

std::optional<bool> JsonValue::boolean() const noexcept {
  if (kind() != Kind::kBoolean) return std::nullopt;
  return (*document_->text_)[document_->nodes_[index_].begin] == 't';
}

template <class Number>
static std::optional<Number> wholeNumber(std::string_view text) noexcept {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<std::int64_t> JsonValue::integer() const noexcept {
  if (kind() != Kind::kNumber) return std::nullopt;
  const auto& node = document_->nodes_[index_];
  return wholeNumber<std::int64_t>({document_->text_->data() + node.begin, node.length});
}

std::optional<std::uint64_t> JsonValue::natural() const noexcept {
  if (kind() != Kind::kNumber) return std::nullopt;
  const auto& node = document_->nodes_[index_];
  return wholeNumber<std::uint64_t>({document_->text_->data() + node.begin, node.length});
}

}  // namespace control::engine
