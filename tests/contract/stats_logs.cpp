#include <unistd.h>

#include <csignal>
#include <fstream>
#include <sstream>

#include "contract/conformance.h"

namespace control::conform {
namespace {

/// CPU time of one process, as the scheduler counts it; absent where it cannot be seen.
std::optional<Duration> processTime(const std::optional<int>& pid) {
  std::ifstream file("/proc/" + std::to_string(pid.value_or(-1)) + "/stat");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  if (text.empty()) return std::nullopt;
  std::istringstream fields(text.substr(text.rfind(')') + 1));
  std::string skipped;
  for (int field = 0; field < 11; ++field) fields >> skipped;
  long user = 0;
  long system = 0;
  fields >> user >> system;
  return std::chrono::milliseconds((user + system) * 1000 / ::sysconf(_SC_CLK_TCK));
}

constexpr const char* kBusy = "echo ready; while true; do true; done";

MUST(Stats, stats_of_stopped_is_wrong_state, Capability::kStats) {
  const ContainerId created = create(obedient());
  const ContainerId exited = run(shell("exit 0"));
  awaitExit(exited);
  for (const ContainerId& id : {created, exited}) EXPECT_CODE(stats(id), kWrongState);
}

MUST(Stats, stats_of_missing_in_a_batch_fails_only_that_entry, Capability::kStats) {
  const ContainerId first = run(obedient());
  const ContainerId last = run(obedient());
  const std::vector<ContainerId> ids{first, {std::string(64, 'e')}, last};
  const auto answers = runtime().stats(ids, soon());
  ASSERT_EQ(answers.size(), 3U);
  ASSERT_OK(answers[0]);
  EXPECT_EQ(answers[0]->run.container, first);
  EXPECT_CODE(answers[1], kNotFound);
  ASSERT_OK(answers[2]);
  EXPECT_EQ(answers[2]->run.container, last);
}

MUST(Stats, stats_counters_are_monotonic_within_a_run, Capability::kStats) {
  ContainerSpec spec = shell(kBusy);
  spec.network = NetworkMode::kDefault;
  const ContainerId id = run(spec);
  const auto started_at = look(id).started_at;
  auto earlier = stats(id);
  ASSERT_OK(earlier);
  EXPECT_EQ(earlier->run.started_at, started_at);
  for (int i = 0; i < 5; ++i) {
    pass(50ms);
    const auto later = stats(id);
    ASSERT_OK(later);
    EXPECT_EQ(later->run, earlier->run);
    EXPECT_GT(later->taken_at, earlier->taken_at);
    EXPECT_GE(later->cpu_time, earlier->cpu_time);
    EXPECT_GE(later->cpu_throttled, earlier->cpu_throttled);
    EXPECT_GE(later->network_rx_bytes, earlier->network_rx_bytes);
    EXPECT_GE(later->network_tx_bytes, earlier->network_tx_bytes);
    EXPECT_GE(later->block_read_bytes, earlier->block_read_bytes);
    EXPECT_GE(later->block_write_bytes, earlier->block_write_bytes);
    earlier = later;
  }
}

MUST(Stats, stats_cpu_of_one_busy_loop_is_about_one_core, Capability::kStats) {
  const ContainerId id = runReady(shell(kBusy));
  const auto pid = look(id).pid;
  const auto process_before = processTime(pid);
  const auto before = stats(id);
  ASSERT_OK(before);
  ASSERT_TRUE(before->cpu_time);
  pass(1s);
  const auto after = stats(id);
  ASSERT_OK(after);
  const auto process_after = processTime(pid);
  const auto rates = ratesBetween(*before, *after);
  ASSERT_TRUE(rates && rates->cpu_percent);
  EXPECT_LT(*rates->cpu_percent, 125);
  if (isVirtual()) {
    EXPECT_GT(*rates->cpu_percent, 90);
  } else if (process_before && process_after) {
    // Others use this machine too: what the loop was given is what has to be seen.
    const Duration given = *process_after - *process_before;
    EXPECT_GE(*after->cpu_time - *before->cpu_time + 50ms, given * 7 / 10);
  } else {
    EXPECT_GT(*rates->cpu_percent, 5);
  }
}

MUST(Stats, stats_memory_follows_an_allocation, Capability::kStats) {
  constexpr std::int64_t kAllocated = 40'000'000;
  const ContainerId small = runReady(obedient());
  ContainerSpec spec =
      shell(onMock("echo ready; sleep 600 & wait",
                   "x=$(head -c 40000000 /dev/zero | tr '\\0' a); echo ready; sleep 600 & wait"));
  if (isMock()) spec.labels["mock.memory_bytes"] = "80000000";
  const ContainerId large = runReady(spec);
  const auto one = stats(small);
  const auto other = stats(large);
  ASSERT_OK(one);
  ASSERT_OK(other);
  ASSERT_TRUE(one->memory_working_set_bytes && other->memory_working_set_bytes);
  EXPECT_GT(*one->memory_working_set_bytes, 0U);
  const auto difference = static_cast<std::int64_t>(*other->memory_working_set_bytes) -
                          static_cast<std::int64_t>(*one->memory_working_set_bytes);
  EXPECT_GT(difference, kAllocated * 3 / 4);
  EXPECT_LE(*other->memory_working_set_bytes, other->memory_usage_bytes);
}

MUST(Stats, stats_network_counts_bytes_sent, Capability::kStats, Capability::kPorts) {
  const std::string pings =
      "send() { ping -c 5 -s 1000 $(ip route | sed -n 's/^default via \\([0-9.]*\\).*/\\1/p'); }; "
      "trap send USR1; ";
  ContainerSpec spec = shell(onMock("trap 'echo sending' USR1; ", pings) +
                             "echo ready; sleep 600 & while true; do wait; done");
  if (!isMock()) spec.add_capabilities = {"NET_RAW"};
  spec.network = NetworkMode::kDefault;
  const ContainerId id = runReady(spec);
  const auto before = stats(id);
  ASSERT_OK(before);
  ASSERT_TRUE(before->network_tx_bytes);
  ASSERT_OK(runtime().signal(id, {SIGUSR1}, soon()));
  const std::uint64_t sent = isMock() ? 500 : 5000;
  EXPECT_TRUE(eventually([&] {
    const auto after = stats(id);
    return after && after->network_tx_bytes.value_or(0) >= *before->network_tx_bytes + sent;
  }));
}

MUST(Stats, unknown_stat_is_absent_not_zero, Capability::kStats) {
  ContainerSpec spec = obedient();
  spec.network = NetworkMode::kHost;
  const ContainerId id = run(spec);
  const auto sample = stats(id);
  ASSERT_OK(sample);
  EXPECT_FALSE(sample->network_rx_bytes) << "the host's network is not the container's";
  EXPECT_FALSE(sample->network_tx_bytes);
  EXPECT_FALSE(sample->memory_limit_bytes) << "there is no limit";
  // Of a process that lives these are never 0.
  EXPECT_NE(sample->memory_usage_bytes, 0U);
  EXPECT_NE(sample->pids, 0U);
}

MUST(Logs, logs_separate_stdout_and_stderr, Capability::kLogs) {
  const ContainerId id = run(shell("echo out; echo err >&2; echo more"));
  awaitExit(id);
  const auto read = [&](const LogOptions& options) {
    const auto logs = runtime().logs(id, options, soon());
    EXPECT_OK(logs);
    return logs ? readAll(**logs) : std::vector<Output>{};
  };
  const auto both = read({});
  EXPECT_EQ(textOf(both, OutputSource::kStdout), "out\nmore\n");
  EXPECT_EQ(textOf(both, OutputSource::kStderr), "err\n");
  const auto out = read({.standard_error = false});
  EXPECT_EQ(textOf(out, OutputSource::kStdout), "out\nmore\n");
  EXPECT_EQ(textOf(out, OutputSource::kStderr), "");
  const auto err = read({.standard_output = false});
  EXPECT_EQ(textOf(err, OutputSource::kStdout), "");
  EXPECT_EQ(textOf(err, OutputSource::kStderr), "err\n");
  EXPECT_CODE(runtime().logs(id, {.standard_output = false, .standard_error = false}, soon()),
              kInvalidArgument);
}

MUST(Logs, logs_tty_is_one_console_stream, Capability::kLogs, Capability::kTty) {
  ContainerSpec spec = shell("echo out; echo err >&2");
  spec.tty = true;
  const ContainerId id = run(spec);
  awaitExit(id);
  const auto logs = runtime().logs(id, {}, soon());
  ASSERT_OK(logs);
  const auto all = readAll(**logs);
  EXPECT_EQ(textOf(all, OutputSource::kConsole), "out\r\nerr\r\n");
  EXPECT_EQ(textOf(all, OutputSource::kStdout) + textOf(all, OutputSource::kStderr), "");
}

MUST(Logs, logs_tail_since_until, Capability::kLogs) {
  // Some engines keep whole seconds.
  const ContainerId id = run(shell("echo one; sleep 1.1; echo two; sleep 1.1; echo three"));
  awaitExit(id);
  const auto stamped = runtime().logs(id, {.timestamps = true}, soon());
  ASSERT_OK(stamped);
  const auto lines = readAll(**stamped);
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[1].bytes, "two\n") << "the time stands beside the text, not in it";
  ASSERT_TRUE(lines[0].at && lines[1].at && lines[2].at);
  EXPECT_LT(*lines[0].at, *lines[1].at);
  EXPECT_LT(*lines[1].at, *lines[2].at);
  EXPECT_EQ(logged(id, {.tail_lines = 1}), "three\n");
  EXPECT_EQ(logged(id, {.tail_lines = 0}), "");
  EXPECT_EQ(logged(id, {.tail_lines = 100}), "one\ntwo\nthree\n");
  EXPECT_EQ(logged(id, {.since = lines[1].at}), "two\nthree\n") << "since is inclusive";
  EXPECT_EQ(logged(id, {.until = lines[1].at}), "one\ntwo\n") << "until is inclusive";
  EXPECT_CODE(runtime().logs(id, {.tail_lines = -1}, soon()), kInvalidArgument);
  EXPECT_CODE(runtime().logs(id, {.standard_output = false, .standard_error = false}, soon()),
              kInvalidArgument);
}

MUST(Logs, logs_follow_ends_at_exit_with_all_bytes, Capability::kLogs) {
  std::string script;
  std::string expected;
  for (int line = 0; line < 800; ++line) {
    script += "echo line " + std::to_string(line) + "; ";
    expected += "line " + std::to_string(line) + "\n";
  }
  const ContainerId id = run(shell(script + "exit 3"));
  const auto logs = runtime().logs(id, {.follow = true}, soon());
  ASSERT_OK(logs);
  const std::string text = textOf(readAll(**logs), OutputSource::kStdout);
  EXPECT_TRUE(text == expected) << text.size() << " bytes of " << expected.size();
  const auto after_end = (*logs)->next(soon());
  ASSERT_OK(after_end);
  EXPECT_FALSE(*after_end) << "the end of a stream stays the end";
}

MUST(Logs, logs_are_binary_safe_and_long_line_safe, Capability::kLogs) {
  const std::string long_line(50'000, 'x');
  // Shells agree on few escapes: what they do not agree on stands there as it is.
  const ContainerId id = run(shell("printf 'a\\0b\x01\x1b[1m\\rc\\n'; printf '" + long_line +
                                   "'; printf '\\n\xc3\xbc\\n'; printf 'no end of line'"));
  awaitExit(id);
  const std::string text = logged(id);
  EXPECT_TRUE(text ==
              std::string("a\0b\x01\x1b[1m\rc\n", 11) + long_line + "\n\xc3\xbc\nno end of line")
      << text.size() << " bytes, first " << ::testing::PrintToString(text.substr(0, 30));
}

}  // namespace
}  // namespace control::conform
