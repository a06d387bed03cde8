#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent {

using Environment = std::vector<std::pair<std::string, std::string>>;

/// The startup text of a server as one command for `/bin/sh -c`.
///
/// `{{NAME}}` becomes the value of NAME: as it stands when it is made of letters, digits and
/// `._/:@%+,-` alone, otherwise as a reference to the container's environment variable, quoted for
/// the place it stands in. The shell never reads a referenced value as commands and never splits
/// it, so that each value stays one word. A name that is not in `environment` stays as it is,
/// values are not looked at for further names, and `${NAME}` is left to the shell.
///
/// A simple command gets `exec` in front, behind its variable assignments, so that it replaces the
/// shell and receives the container's signals itself. Pipes, lists, groups, compound commands,
/// shell builtins and here-documents keep the shell. A template that hands its words to a further
/// shell (`sh -c`, `eval`) must quote for that shell itself.
///
/// Lines that end in "\r\n", as text areas send them, end in "\n".
///
/// INVALID_PAYLOAD (Refusal): a value that needs a reference has a name no shell variable can have,
/// or one that the shell sets itself; the command is longer than the kernel takes (128 KiB).
std::string expandStartup(std::string_view startup, const Environment& environment);

/// Whether a shell would run `text` as one command of a program.
bool isSimpleCommand(std::string_view text);

}  // namespace agent
