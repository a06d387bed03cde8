#include "agent/actions/quiet_server.h"

#include <future>
#include <memory>
#include <utility>

#include "agent/actions/line_ends.h"
#include "agent/log.h"
#include "agent/panel/refusal.h"

namespace agent {
namespace {

/// How long a server may leave a line before its stdin.
constexpr std::chrono::seconds kQuietTimeout{5};
constexpr std::chrono::milliseconds kGlance{50};
constexpr std::size_t kMostQuietLines = 16;
constexpr std::size_t kLongestQuietLine = 4095;

std::vector<std::string> readLines(const Fields& fields, std::string_view name) {
  std::vector<std::string> lines;
  const Json* const given = fields.find(name);
  if (given == nullptr) return lines;
  if (given->elements() == nullptr) fields.refuse(name, "must be a list of lines");
  for (const Json& one : *given->elements()) {
    if (one.text() == nullptr || !isConsoleLine(*one.text(), kLongestQuietLine))
      fields.refuse(name,
                    "must hold lines of 1 to 4095 bytes without line breaks and control "
                    "characters but tabs");
    lines.push_back(*one.text());
  }
  if (lines.size() > kMostQuietLines) fields.refuse(name, "must hold at most 16 lines");
  return lines;
}

}  // namespace

ConsoleAround readConsoleAround(const Fields& payload, bool consoles_are_read) {
  const Fields fields = payload.object("console");
  ConsoleAround around;
  around.before = readLines(fields, "before");
  around.after = readLines(fields, "after");
  around.saved = fields.text("saved").value_or("");
  if (around.saved.size() > 256) fields.refuse("saved", "must be at most 256 bytes");
  if (!around.saved.empty() && around.before.empty())
    fields.refuse("saved", "needs lines in before");
  if (!around.saved.empty() && !consoles_are_read)
    fields.refuse("saved",
                  "cannot be awaited: this host reads no console (CONSOLE_BYTES=0); leave it out");
  if (const auto seconds = fields.number("timeout", 0.1, 600))
    around.timeout = std::chrono::milliseconds(static_cast<std::int64_t>(*seconds * 1000));
  return around;
}

QuietServer::QuietServer(control::Supervisor& supervisor, std::string server_id,
                         const ConsoleAround& around, const files::Patience& patience)
    : supervisor_(supervisor), server_id_(std::move(server_id)), around_(around) {
  try {
    hush(patience);
  } catch (...) {
    release();
    throw;
  }
}

QuietServer::~QuietServer() { release(); }

void QuietServer::hush(const files::Patience& patience) {
  const auto page = supervisor_.console(server_id_, {.lines = 1});
  const std::uint64_t last = page ? page->last : 0;
  for (const std::string& line : around_.before) {
    patience.check();
    // Before it is written: once it is, that run may be over and another one have begun.
    if (const auto status = supervisor_.status(server_id_); status && !told_)
      run_began_ = status->started_at;
    const auto written = write(line);
    if (!told_ && !written && written.error().code == control::ErrorCode::kWrongState) return;
    told_ = told_ || written || written.error().effect != control::Effect::kNone;
    if (!written)
      throw Refusal(written.error().code == control::ErrorCode::kDeadlineExceeded ? "TIMEOUT"
                                                                                  : "INVALID_STATE",
                    "the console did not take '" + line +
                        "', so no backup was made: " + written.error().message);
  }
  if (told_ && !around_.saved.empty()) awaitSaved(last, patience);
}

void QuietServer::awaitSaved(std::uint64_t after, const files::Patience& patience) const {
  const auto give_up = std::chrono::steady_clock::now() + around_.timeout;
  for (;;) {
    const bool has_ended = hasEnded();
    const auto page = supervisor_.console(server_id_, {.after = after, .newest = false});
    const bool is_new = page && !page->lines.empty();
    if (is_new) {
      for (const control::ConsoleLine& line : page->lines) {
        if (line.text.find(around_.saved) != std::string::npos) return;
        after = line.number;
      }
    }
    if (!is_new && has_ended)
      throw Refusal("INVALID_STATE", "the server ended before its console said '" + around_.saved +
                                         "', so no backup was made; try again");
    if (std::chrono::steady_clock::now() >= give_up)
      throw Refusal("TIMEOUT", "the console did not say '" + around_.saved +
                                   "' in time, so no backup was made");
    // One that writes much must not run ahead of us: what is kept of it is little.
    if (!is_new) patience.wait(kGlance);
    patience.check();
  }
}

bool QuietServer::hasEnded() const {
  const auto status = supervisor_.status(server_id_);
  if (!status) return status.error().code == control::ErrorCode::kNotFound;
  if (status->state == control::EntryState::kUnknown) return false;  // nobody knows
  return !status->pid || status->started_at != run_began_;
}

void QuietServer::release() noexcept {
  if (!told_) return;
  for (const std::string& line : around_.after) {
    const auto written = write(line);
    // It may have ended meanwhile: then it begins anew by itself.
    if (!written && written.error().code != control::ErrorCode::kWrongState)
      log::warning("files", "server '" + server_id_ + "' was not told '" + line +
                                "' after its backup: " + written.error().message);
  }
}

control::Result<void> QuietServer::write(const std::string& line) const {
  const auto told = std::make_shared<std::promise<control::Result<void>>>();
  auto end = told->get_future();
  auto accepted = supervisor_.sendLine(
      server_id_, line, kQuietTimeout,
      [told](const control::Result<void>& written) { told->set_value(written); });
  if (!accepted) return accepted;
  return end.get();
}

}  // namespace agent
