#include "screen.h"

#include <Poco/DateTimeFormatter.h>
#include <Poco/LocalDateTime.h>

namespace panel {

void Screen::line(const std::string& text) {
  const std::scoped_lock lock(mutex_);
  if (!prompt_.empty()) out_ << '\r';
  out_ << text << '\n' << prompt_ << std::flush;
}

void Screen::event(const std::string& text) {
  line(Poco::DateTimeFormatter::format(Poco::LocalDateTime(), "%H:%M:%S.%i  ") + text);
}

void Screen::prompt(const std::string& text) {
  const std::scoped_lock lock(mutex_);
  prompt_ = text;
  out_ << prompt_ << std::flush;
}

}  // namespace panel
