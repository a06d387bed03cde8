#pragma once

#include "agent/panel/fields.h"

namespace agent {

/// Refuses as POLICY_VIOLATION what a payload can never ask for, wherever it stands.
void refuseForbiddenFields(const Fields& payload);

}  // namespace agent
