#pragma once

#include <libcontrol/supervisor.h>

namespace control {

/// The options with what is below the least that is of use raised to that, and with paths that mean
/// the same wherever the process goes.
SupervisorOptions usable(SupervisorOptions options);

/// Labels keep the policies of an entry: what would not be read back from one is refused, and
/// likewise what cannot be written to a console.
Result<void> checkPolicies(const EntrySpec& spec);

}  // namespace control
