#include "agent/probes/exchange.h"

#include "agent/utf8.h"

namespace agent {

void Players::addName(std::string_view name) {
  if (!list) list.emplace();
  if (list->size() >= kMostNames || name.empty()) return;
  std::string text;
  while (!name.empty()) {
    const std::size_t length = utf8SequenceLength(name);
    const std::string_view character = length > 0 ? name.substr(0, length) : "\xEF\xBF\xBD";
    if (text.size() + character.size() > kLongestName) break;
    text += character;
    name.remove_prefix(length > 0 ? length : 1);
  }
  list->push_back(std::move(text));
}

}  // namespace agent
