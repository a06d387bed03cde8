#include "supervise/spec_text.h"

#include <charconv>
#include <concepts>
#include <map>
#include <type_traits>
#include <vector>

#include "supervise/escape.h"
#include "supervise/kept_file.h"

namespace control {
namespace {

// ---- what a specification holds, for both directions ----
// A field that is added to one of these structs does not compile until it is named here.

template <class Spec, class Visit>
void eachField(Spec& spec, Visit& visit) {
  auto& [name, image, entrypoint, command, environment, labels, working_directory, user, hostname,
         tty, open_stdin, stop_signal, stop_timeout, limits, ports, mounts, network,
         no_new_privileges, init, read_only_root, drop_capabilities, add_capabilities, log_driver,
         log_options, log_limit_bytes, engine_options] = spec;
  auto& [memory_bytes, memory_swap_bytes, nano_cpus, pids, io_weight] = limits;
  visit("name", name);
  visit("image", image);
  visit("entrypoint", entrypoint);
  visit("command", command);
  visit("environment", environment);
  visit("label", labels);
  visit("working-directory", working_directory);
  visit("user", user);
  visit("hostname", hostname);
  visit("tty", tty);
  visit("open-stdin", open_stdin);
  visit("stop-signal", stop_signal);
  visit("stop-timeout", stop_timeout);
  visit("memory-bytes", memory_bytes);
  visit("memory-swap-bytes", memory_swap_bytes);
  visit("nano-cpus", nano_cpus);
  visit("pids", pids);
  visit("io-weight", io_weight);
  visit("port", ports);
  visit("mount", mounts);
  visit("network", network);
  visit("no-new-privileges", no_new_privileges);
  visit("init", init);
  visit("read-only-root", read_only_root);
  visit("drop-capability", drop_capabilities);
  visit("add-capability", add_capabilities);
  visit("log-driver", log_driver);
  visit("log-option", log_options);
  visit("log-limit-bytes", log_limit_bytes);
  visit("engine-option", engine_options);
}

using Pair = std::pair<std::string, std::string>;

/// What makes one word each.
template <class Value, class Visit>
void eachPart(Value& value, const Visit& visit) {
  using Plain = std::remove_const_t<Value>;
  if constexpr (std::same_as<Plain, PortMapping>) {
    auto& [container_port, host_port, protocol, host_ip] = value;
    visit(container_port), visit(host_port), visit(protocol), visit(host_ip);
  } else if constexpr (std::same_as<Plain, Mount>) {
    auto& [type, source, target, read_only] = value;
    visit(type), visit(source), visit(target), visit(read_only);
  } else if constexpr (std::same_as<Plain, Pair>) {
    visit(value.first), visit(value.second);
  } else if constexpr (std::same_as<Plain, Signal>) {
    visit(value.number);
  } else {
    visit(value);
  }
}

// ---- words ----

std::string toWord(const std::string& text) { return escape(text); }
std::string toWord(Duration time) { return std::to_string(time.count()); }
template <class Number>
requires std::integral<Number> std::string toWord(Number number) { return std::to_string(number); }
template <class Enum>
requires std::is_enum_v<Enum> std::string toWord(Enum value) {
  return std::to_string(static_cast<int>(value));
}

bool fromWord(std::string_view word, std::string& text) {
  auto read = unescape(word);
  if (!read) return false;
  text = *std::move(read);
  return true;
}
template <class Number>
requires std::integral<Number>
bool fromWord(std::string_view word, Number& number) {
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  return error == std::errc{} && end == word.data() + word.size();
}
bool fromWord(std::string_view word, bool& claim) {
  claim = word == "1";
  return claim || word == "0";
}
bool fromWord(std::string_view word, Duration& time) {
  Duration::rep count = 0;
  const bool read = fromWord(word, count);
  time = Duration(count);
  return read;
}
template <class Enum>
requires std::is_enum_v<Enum>
bool fromWord(std::string_view word, Enum& value) {
  constexpr int kLast = 2;  // of each of those in a specification
  int number = 0;
  if (!fromWord(word, number) || number < 0 || number > kLast) return false;
  value = static_cast<Enum>(number);
  return true;
}

// ---- lines ----

struct SpecWriter {
  std::string lines{};

  template <class Value>
  void line(std::string_view key, const Value& value) {
    lines += key;
    eachPart(value, [this](const auto& part) { lines += ' ' + toWord(part); });
    lines += '\n';
  }
  template <class Value>
  void operator()(std::string_view key, const Value& value) {
    if (value != Value{}) line(key, value);
  }
  template <class Value>
  void operator()(std::string_view key, const std::optional<Value>& value) {
    if (value) line(key, *value);
  }
  template <class Value>
  void operator()(std::string_view key, const std::vector<Value>& all) {
    for (const Value& one : all) line(key, one);
  }
  void operator()(std::string_view key, const std::map<std::string, std::string>& all) {
    for (const auto& [name, value] : all) line(key, Pair(name, value));
  }
};

using Words = std::vector<std::string_view>;

struct SpecReader {
  std::map<std::string_view, std::vector<Words>> lines{};
  bool is_sound = true;

  explicit SpecReader(std::string_view text) {
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      Words words = splitAt(' ', text.substr(0, end));
      const std::string_view key = words.front();
      words.erase(words.begin());
      lines[key].push_back(std::move(words));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
  }
  std::vector<Words> take(std::string_view key) {
    const auto found = lines.extract(key);
    return found.empty() ? std::vector<Words>() : std::move(found.mapped());
  }
  template <class Value>
  Value valueOf(const Words& words) {
    Value value{};
    std::size_t next = 0;
    eachPart(value, [&](auto& part) {
      is_sound = is_sound && next < words.size() && fromWord(words[next++], part);
    });
    is_sound = is_sound && next == words.size();
    return value;
  }
  template <class Value>
  std::optional<Value> single(std::string_view key) {
    const std::vector<Words> all = take(key);
    if (all.empty()) return std::nullopt;
    is_sound = is_sound && all.size() == 1;
    return valueOf<Value>(all.front());
  }

  template <class Value>
  void operator()(std::string_view key, Value& value) {
    if (auto read = single<Value>(key)) value = *std::move(read);
  }
  template <class Value>
  void operator()(std::string_view key, std::optional<Value>& value) {
    value = single<Value>(key);
  }
  template <class Value>
  void operator()(std::string_view key, std::vector<Value>& all) {
    for (const Words& words : take(key)) all.push_back(valueOf<Value>(words));
  }
  void operator()(std::string_view key, std::map<std::string, std::string>& all) {
    for (const Words& words : take(key))
      is_sound = all.insert(valueOf<Pair>(words)).second && is_sound;
  }
};

}  // namespace

std::string specToLines(const ContainerSpec& spec) {
  SpecWriter writer;
  eachField(spec, writer);
  return std::move(writer.lines);
}

Result<ContainerSpec> specFromLines(std::string_view lines) {
  SpecReader reader(lines);
  ContainerSpec spec;
  eachField(spec, reader);
  if (!reader.is_sound || !reader.lines.empty())
    return damaged("it holds a line that is none of a specification");
  return spec;
}

}  // namespace control
