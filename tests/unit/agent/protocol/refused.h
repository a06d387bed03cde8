#pragma once

#include <string>

#include "agent/panel/refusal.h"

namespace agent {

/// `CODE message` of the refusal that `call` ends with; empty when it is not refused.
template <class Call>
std::string refused(Call call) {
  try {
    call();
  } catch (const Refusal& refusal) {
    return refusal.code() + ' ' + refusal.message();
  }
  return {};
}

}  // namespace agent
