#include "agent/panel/failure.h"

#include <array>
#include <atomic>
#include <cstdio>
#include <ctime>
#include <exception>

#include "agent/log.h"
#include "agent/panel/refusal.h"

namespace agent {
namespace {

constexpr const char* kInternal = "INTERNAL_ERROR";

/// Logs it and returns the words under which it is found.
std::string report(std::string_view doing, const char* what) {
  static std::atomic<unsigned> last{0};
  std::array<char, 32> reference{};
  std::snprintf(reference.data(), reference.size(), "D%d-%04u",
                static_cast<int>(::time(nullptr) & 0xFFFFF), ++last);
  log::error("protocol", std::string("failure ") + reference.data() + " in " + std::string(doing) +
                             ": " + what);
  return std::string("the agent's log says more under ") + reference.data();
}

}  // namespace

Failure currentFailure(std::string_view doing) {
  try {
    throw;
  } catch (const Refusal& refusal) {
    if (refusal.code() != kInternal) return {refusal.code(), refusal.message()};
    return {kInternal, refusal.message() + "; " + report(doing, refusal.what())};
  } catch (const std::exception& defect) {
    return {kInternal, "a defect of the agent; " + report(doing, defect.what())};
  }
}

}  // namespace agent
