#pragma once

#include <chrono>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include <libcontrol/call.h>
#include <libcontrol/result.h>

namespace control::bench {

using Micros = double;

Micros since(TimePoint start);
Micros timed(const std::function<void()>& action);
/// Runs a shell command; ends the program when it fails.
Micros commandTime(const std::string& command);
Micros percentile(std::vector<Micros> values, double part);

/// A row of the table of results; `ratio` is how much better we are, or what the goal says.
void row(const std::string& what, const std::string& ours, const std::string& rival, double ratio,
         const std::string& goal);
std::string micros(Micros value);

template <class T>
T must(Result<T> result, const char* what) {
  if (result) return std::move(*result);
  std::cerr << what << ": " << result.error().message << '\n';
  std::exit(1);
}

}  // namespace control::bench
