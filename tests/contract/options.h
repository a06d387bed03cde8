#pragma once

#include <chrono>
#include <optional>
#include <string>

#include <libcontrol/result.h>

namespace control::conform {

/// What the command line asks for.
struct Options {
  std::string runtime{};   ///< URI of the engine
  std::string plugin{};    ///< absolute path of the plugin file; empty: the installed one
  std::string junit{};     ///< file for the results as JUnit XML
  std::string expect{};    ///< file with the engine's list of skips; empty: the installed one
  std::string fixtures{};  ///< folder with the broken plugins of the loader group
  std::string image = "control-test:latest";
  std::string pullable{};  ///< an image that a registry has and that is not here; empty: none
  std::string filter{};    ///< GoogleTest's pattern over behaviours or Group.behaviour
  std::string limit_text = "120";
  std::chrono::seconds limit{};  ///< for each behaviour: limit_text, understood
  bool list = false;
  bool help = false;
  bool version = false;

  /// Whether the filter lets a Group.behaviour through.
  bool selects(const std::string& full_name) const;

  /// kInvalidArgument: the message names the argument and what is understood.
  static Result<Options> parse(int count, const char* const* arguments);
};

extern const char* const kUsage;

}  // namespace control::conform
