#pragma once

#include <functional>
#include <optional>
#include <string>

#include "contract/conformance.h"

namespace control::conform {

/// A call that may block, by its name.
struct Blocking {
  std::string name;
  std::function<std::optional<Error>(const CallContext&)> call;
};

template <class AnyResult>
std::optional<Error> errorOf(const AnyResult& result) {
  return result.has_value() ? std::nullopt : std::optional(result.error());
}

inline void expectFails(const Blocking& blocking, const CallContext& context, ErrorCode expected) {
  const auto error = blocking.call(context);
  ASSERT_TRUE(error) << blocking.name << " succeeded";
  EXPECT_EQ(toString(error->code), toString(expected)) << blocking.name << ": " << wordsOf(*error);
}

}  // namespace control::conform
