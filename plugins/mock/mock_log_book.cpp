#include "mock/mock_log_book.h"

#include <algorithm>

namespace control::mock {

void LogBook::put(OutputSource source, std::string_view bytes, WallTime at) {
  while (!bytes.empty()) {
    const std::size_t end = std::min(bytes.find('\n'), bytes.size() - 1) + 1;
    lines_.push_back({source, std::string(bytes.substr(0, end)), at});
    bytes_ += end;
    bytes.remove_prefix(end);
  }
  while (bytes_ > limit_ && lines_.size() > 1) {
    bytes_ -= lines_.front().bytes.size();
    lines_.pop_front();
    cut_ = true;
  }
}

}  // namespace control::mock
