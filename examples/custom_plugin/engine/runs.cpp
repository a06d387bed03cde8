#include "engine/runs.h"

#include "engine/files.h"
#include "engine/layout.h"

namespace process_engine {
std::string startedLine(const Run& run) {
  return encode({"started", toText(run.number), toText(run.started_at), toText(run.pid),
                 toText(run.pid_began), toText(run.keeper)});
}

std::string exitedLine(const Run& run) {
  return encode({"exited", toText(run.number), toText(run.finished_at), toText(run.exit_code),
                 toText(run.signal)});
}

std::string failedLine(const std::string& reason) { return encode({"failed", reason}); }

const Run* Runs::find(int number) const {
  for (const Run& run : all)
    if (run.number == number) return &run;
  return nullptr;
}

Runs parseRuns(const std::string& text) {
  Runs runs;
  for (const Line& line : decode(text)) {
    if (line[0] == "failed" && line.size() == 2) {
      runs.failure = line[1];
    } else if (line[0] == "started" && line.size() == 6) {
      runs.failure.clear();
      runs.all.push_back({.number = toInt(line[1]).value_or(0),
                          .started_at = toNumber(line[2]).value_or(0),
                          .pid = toInt(line[3]).value_or(0),
                          .pid_began = toNumber(line[4]).value_or(0),
                          .keeper = toInt(line[5]).value_or(0)});
    } else if (line[0] == "exited" && line.size() == 5 && !runs.all.empty()) {
      Run& run = runs.all.back();
      run.over = true;
      run.finished_at = toNumber(line[2]);
      run.exit_code = toInt(line[3]);
      run.signal = toInt(line[4]);
    }
  }
  return runs;
}

Runs readRuns(int container) {
  auto text = readFile(container, kRunsFile);
  for (;;) {
    Runs runs = parseRuns(text.value_or(""));
    runs.gone = !text;
    if (runs.gone || !runs.running() || isLocked(container)) return runs;
    // The lock is free: either the exit was written down meanwhile or the keeper was killed.
    auto again = readFile(container, kRunsFile);
    if (again == text) {
      runs.all.back().over = true;
      return runs;
    }
    text = std::move(again);
  }
}

}  // namespace process_engine
