// What a specification asks for is what the process gets. An engine that cannot give something
// refuses it, and says what: nothing is left out in silence.

#include <algorithm>
#include <cctype>
#include <fstream>

#include "contract/conformance.h"
#include "contract/scratch.h"

namespace control::conform {
namespace {

MUST(Specification, entrypoint_and_command_are_run_as_given) {
  ContainerSpec spec = shell("");
  spec.entrypoint = {"/bin/sh"};
  spec.command = {"-c", "exit 5"};
  EXPECT_EQ(awaitExit(run(spec)).exit_code, 5);
}

MUST(Specification, arguments_reach_the_process_as_they_are, Capability::kLogs) {
  if (onlyPlayed()) return;
  ContainerSpec spec = shell("");
  spec.command = {"/bin/sh", "-c",        "printf '<%s>' \"$@\"", "sh", "two  words",
                  "",        "\"$HOME\"", "gr\xc3\xbcn",          "*"};
  expectPrints(spec, "command", "<two  words><><\"$HOME\"><gr\xc3\xbcn><*>");
}

MUST(Specification, environment_reaches_the_process, Capability::kLogs) {
  ContainerSpec spec = shell("echo \"<$FIRST><$SECOND><$EMPTY>\"");
  spec.environment = {{"FIRST", "1"}, {"SECOND", "x=y \"z\"  $HOME"}, {"EMPTY", ""}};
  expectPrints(spec, "environment", "<1><x=y \"z\"  $HOME><>\n");
}

MUST(Specification, working_directory_is_where_the_process_starts, Capability::kLogs) {
  ContainerSpec spec = shell("pwd");
  spec.working_directory = "/proc";
  expectPrints(spec, "working_directory", "/proc\n");
}

MUST(Specification, user_is_who_the_process_runs_as, Capability::kLogs) {
  ContainerSpec spec = shell("id -u; id -g");
  spec.user = "1234:2345";
  expectPrints(spec, "user", "1234\n2345\n");
}

MUST(Specification, hostname_is_what_the_process_sees, Capability::kLogs) {
  ContainerSpec spec = shell("hostname");
  spec.hostname = "world-7";
  expectPrints(spec, "hostname", "world-7\n");
}

MUST(Specification, processes_are_limited, Capability::kLogs) {
  if (onlyPlayed()) return;
  ContainerSpec spec = shell("for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 600 & done; echo all");
  spec.limits = {.pids = 8};
  const auto id = createWith(spec, "limits");
  if (!id) return;
  ASSERT_OK(runtime().start(*id, soon()));
  EXPECT_NE(awaitExit(*id).exit_code, 0) << "twelve processes ran, eight were allowed";
  EXPECT_EQ(printed(*id), "");
}

MUST(Specification, processor_time_is_limited, Capability::kStats) {
  ContainerSpec spec = shell("echo ready; while true; do true; done");
  spec.limits = {.nano_cpus = 200'000'000};
  const auto id = createWith(spec, "limits");
  if (!id) return;
  ASSERT_OK(runtime().start(*id, soon()));
  awaitReady(*id);
  const auto before = stats(*id);
  ASSERT_OK(before);
  pass(1s);
  const auto after = stats(*id);
  ASSERT_OK(after);
  const auto rates = ratesBetween(*before, *after);
  ASSERT_TRUE(rates && rates->cpu_percent);
  EXPECT_LT(*rates->cpu_percent, 50) << "of a core; 20 were allowed";
}

MUST(Specification, read_only_root_takes_no_writes, Capability::kLogs) {
  if (onlyPlayed()) return;
  ContainerSpec spec = shell("if echo x > /file; then echo written; else echo refused; fi");
  spec.read_only_root = true;
  expectPrints(spec, "read_only_root", "refused\n");
}

MUST(Specification, capabilities_are_those_asked_for, Capability::kLogs) {
  if (onlyPlayed()) return;
  // CAP_NET_RAW is bit 13.
  ContainerSpec spec = shell("sed -n 's/^CapBnd:\\t*//p' /proc/self/status");
  spec.drop_capabilities = {"ALL"};
  spec.add_capabilities = {"NET_RAW"};
  expectPrints(spec, "capabilities", "0000000000002000\n");
}

MUST(Specification, no_new_privileges_is_set, Capability::kLogs) {
  if (onlyPlayed()) return;
  ContainerSpec spec = shell("sed -n 's/^NoNewPrivs:\\t*//p' /proc/self/status");
  spec.no_new_privileges = true;
  expectPrints(spec, "no_new_privileges", "1\n");
}

MUST(Specification, init_is_the_first_process, Capability::kLogs) {
  if (onlyPlayed()) return;
  ContainerSpec spec = shell("if [ $$ = 1 ]; then echo first; else echo second; fi");
  spec.init = true;
  expectPrints(spec, "init", "second\n");
}

MUST(Specification, log_limit_keeps_the_latest_output, Capability::kLogs) {
  constexpr std::int64_t kLimit = 100'000;
  constexpr std::size_t kPrinted = 400 * 1'000;
  std::string script;
  for (int i = 0; i < 400; ++i) script += "echo " + std::string(999, 'x') + "; ";
  ContainerSpec spec = shell(onMock(script,
                                    "i=0; while [ $i -lt 400 ]; do printf '%0999d\\n' 0; "
                                    "i=$((i+1)); done; ") +
                             "echo last");
  spec.log_limit_bytes = kLimit;
  const auto id = createWith(spec, "log_limit_bytes");
  if (!id) return;
  ASSERT_OK(runtime().start(*id, soon()));
  EXPECT_EQ(awaitExit(*id).exit_code, 0);
  const std::string kept = printed(*id);
  EXPECT_TRUE(kept.ends_with("\nlast\n"));
  // About so much: an engine may turn to a new file only when the old one is full.
  EXPECT_LT(kept.size(), kPrinted * 3 / 4);
}

MUST(Specification, mounts_are_where_and_as_asked, Capability::kLogs) {
  if (onlyPlayed()) return;
  const ScratchFolder folder;
  std::ofstream(folder.path() + "/greeting") << "hello\n";
  ContainerSpec spec = shell(
      "cat /host/greeting; if echo x > /host/new; then echo written; else echo refused; fi; "
      "echo kept > /scratch/file; cat /scratch/file");
  spec.mounts = {
      {.type = Mount::Type::kBind, .source = folder.path(), .target = "/host", .read_only = true},
      {.type = Mount::Type::kTmpfs, .target = "/scratch"}};
  const auto id = createWith(spec, "mounts");
  if (!id) return;
  const auto mounts = look(*id).spec.mounts;
  EXPECT_TRUE(
      std::is_permutation(mounts.begin(), mounts.end(), spec.mounts.begin(), spec.mounts.end()));
  ASSERT_OK(runtime().start(*id, soon()));
  EXPECT_EQ(awaitExit(*id).exit_code, 0);
  EXPECT_EQ(printed(*id), "hello\nrefused\nkept\n");
}

MUST(Specification, without_a_network_there_is_only_loopback, Capability::kLogs) {
  if (onlyPlayed()) return;
  ContainerSpec spec = shell("ls /sys/class/net");
  spec.network = NetworkMode::kNone;
  expectPrints(spec, "network", "lo\n");
}

/// As engines may spell them.
std::vector<std::string> plainCapabilities(std::vector<std::string> names) {
  for (std::string& name : names) {
    std::transform(name.begin(), name.end(), name.begin(), ::toupper);
    if (name.starts_with("CAP_")) name.erase(0, 4);
  }
  std::sort(names.begin(), names.end());
  return names;
}

MUST(Specification, inspect_tells_each_field_as_it_was_asked_for) {
  const auto [id, asked] = createWithAllItTakes();
  const ContainerSpec told = look(id).spec;
  EXPECT_EQ(told.name, asked.name);
  EXPECT_TRUE(told.image.ends_with(asked.image)) << told.image;
  EXPECT_EQ(told.entrypoint, asked.entrypoint);
  EXPECT_EQ(told.command, asked.command);
  // An image adds some of its own.
  for (const auto& variable : asked.environment)
    EXPECT_EQ(std::count(told.environment.begin(), told.environment.end(), variable), 1)
        << variable.first;
  for (const auto& label : asked.labels)
    EXPECT_EQ(std::count(told.labels.begin(), told.labels.end(), label), 1) << label.first;
  EXPECT_EQ(told.working_directory, asked.working_directory);
  EXPECT_EQ(told.user, asked.user);
  if (!asked.hostname.empty()) {
    EXPECT_EQ(told.hostname, asked.hostname);
  }
  EXPECT_EQ(told.tty, asked.tty);
  EXPECT_EQ(told.open_stdin, asked.open_stdin);
  if (asked.stop_signal) {
    EXPECT_EQ(told.stop_signal, asked.stop_signal);
  }
  if (asked.stop_timeout) {
    EXPECT_EQ(told.stop_timeout, asked.stop_timeout);
  }
  if (asked.limits.pids) {
    EXPECT_EQ(told.limits.memory_bytes, asked.limits.memory_bytes);
    EXPECT_EQ(told.limits.nano_cpus, asked.limits.nano_cpus);
    EXPECT_EQ(told.limits.pids, asked.limits.pids);
  }
  EXPECT_TRUE(std::is_permutation(told.mounts.begin(), told.mounts.end(), asked.mounts.begin(),
                                  asked.mounts.end()))
      << "the mounts are others";
  EXPECT_EQ(told.network, asked.network);
  EXPECT_EQ(told.no_new_privileges, asked.no_new_privileges);
  EXPECT_EQ(told.init, asked.init);
  EXPECT_EQ(told.read_only_root, asked.read_only_root);
  EXPECT_EQ(plainCapabilities(told.drop_capabilities), plainCapabilities(asked.drop_capabilities));
  EXPECT_EQ(plainCapabilities(told.add_capabilities), plainCapabilities(asked.add_capabilities));
  // The limit as it is, or what was chosen for it.
  if (asked.log_limit_bytes && !told.log_limit_bytes) {
    EXPECT_FALSE(told.log_driver.empty() && told.log_options.empty()) << "log_limit_bytes is lost";
  }
}

MUST(Specification, update_changes_the_limits_of_a_running_container, Capability::kUpdate,
     Capability::kStats) {
  ContainerSpec spec = obedient();
  spec.limits = {.memory_bytes = 64 << 20, .pids = 50};
  const ContainerId id = runReady(spec);
  ASSERT_OK(runtime().update(id, {.pids = 77}, soon()));
  const auto limits = look(id).spec.limits;
  EXPECT_EQ(limits.pids, 77);
  EXPECT_EQ(limits.memory_bytes, 64 << 20) << "what is not asked for stays";
  const auto sample = stats(id);
  ASSERT_OK(sample);
  EXPECT_EQ(sample->pids_limit, 77U);
  EXPECT_EQ(sample->memory_limit_bytes, 64U << 20);
  ASSERT_OK(runtime().update(id, {.memory_bytes = 96 << 20}, soon()));
  EXPECT_EQ(look(id).spec.limits.memory_bytes, 96 << 20);
  const auto after = stats(id);
  ASSERT_OK(after);
  EXPECT_EQ(after->memory_limit_bytes, 96U << 20);
}

MUST(Specification, exec_runs_as_asked, Capability::kExec) {
  const ContainerId id = run(obedient());
  ExecSpec command{.command = {"/bin/sh", "-c", "echo \"$GREETING\"; pwd; id -u"}};
  command.environment = {{"GREETING", "good  morning"}};
  command.working_directory = "/proc";
  command.user = "1234";
  const auto session = runtime().exec(id, command, soon());
  if (!session) {
    EXPECT_CODE(session, kUnsupported);
    return;
  }
  EXPECT_EQ(textOf(readAll(**session), OutputSource::kStdout), "good  morning\n/proc\n1234\n");
}

}  // namespace
}  // namespace control::conform
