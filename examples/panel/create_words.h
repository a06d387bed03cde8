#pragma once

#include <Poco/JSON/Object.h>

#include <string>

#include "words.h"

namespace panel {

/// The payload of create_server from words as image=busybox memory=64m env.MODE=fast.
/// `problem` says what is wrong with them; empty: nothing.
Poco::JSON::Object::Ptr createPayload(const Words& words, std::string& problem);

}  // namespace panel
