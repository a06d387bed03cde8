#include "screen.h"

#include <Poco/DateTimeFormatter.h>
#include <Poco/LocalDateTime.h>

namespace panel {

void Screen::line(const std::string& text) {
  const std::scoped_lock lock(mutex_);
  clearBottom();
  out_ << text << '\n';
  drawBottom();
}

void Screen::event(const std::string& text) {
  line(Poco::DateTimeFormatter::format(Poco::LocalDateTime(), "%H:%M:%S.%i  ") + text);
}

void Screen::prompt(const std::string& text) {
  const std::scoped_lock lock(mutex_);
  // A line that was entered has left the prompt, and the bar above it, behind.
  if (prompt_.empty()) clearBottom();
  prompt_ = text;
  drawBottom();
}

void Screen::bar(const std::string& text) {
  const std::scoped_lock lock(mutex_);
  if (!redraws()) return;
  // A line that is full to its end could wrap.
  const std::string cut = text.substr(0, columns_ - 1);
  if (!bar_.empty() && !cut.empty() && !prompt_.empty()) {
    bar_ = cut;
    out_ << "\0337\033[A\r\033[K" << bar_ << "\0338" << std::flush;
    return;
  }
  clearBottom();
  bar_ = cut;
  drawBottom();
}

/// With mutex_ held, as drawBottom().
void Screen::clearBottom() {
  if (!redraws()) {
    if (!prompt_.empty()) out_ << '\r';
    return;
  }
  if (!bar_.empty() && !prompt_.empty()) out_ << "\r\033[K\033[A";
  if (!bar_.empty() || !prompt_.empty()) out_ << "\r\033[K";
}

void Screen::drawBottom() {
  out_ << bar_;
  if (!bar_.empty() && !prompt_.empty()) out_ << '\n';
  out_ << prompt_ << std::flush;
}

}  // namespace panel
