#include <algorithm>
#include <set>

#include "contract/conformance.h"

namespace control::conform {
namespace {

MUST(Create, create_missing_image_is_image_not_found) {
  ContainerSpec spec = obedient();
  spec.image = "registry.test/missing/image:1";
  EXPECT_CODE(runtime().create(spec, soon()), kImageNotFound);
  EXPECT_TRUE(listMine().empty());
}

MUST(Create, create_duplicate_name_is_already_exists_and_keeps_the_existing) {
  ContainerSpec spec = obedient();
  const ContainerId id = run(spec);
  const auto before = look(id);
  const auto again = runtime().create(spec, soon());
  EXPECT_CODE(again, kAlreadyExists);
  expectNamed(again, spec.name);
  const auto after = look(id);
  EXPECT_EQ(after.state, ContainerState::kRunning);
  EXPECT_EQ(after.started_at, before.started_at);
  EXPECT_EQ(listMine().size(), 1U);
}

MUST(Create, create_preserves_labels_env_command_limits_ports) {
  ContainerSpec spec = obedient();
  spec.environment = {{"FIRST", "1"}, {"SECOND", "x=y \"z\" $HOME"}, {"EMPTY", ""}};
  spec.labels["text"] = "gr\xc3\xbcn = \"x\"";
  spec.labels["empty"] = "";
  if (has(Capability::kUpdate))
    spec.limits = {.memory_bytes = 64 << 20, .nano_cpus = 500'000'000, .pids = 50};
  if (has(Capability::kPorts)) {
    spec.network = NetworkMode::kDefault;
    spec.ports = {{.container_port = 25565},
                  {.container_port = 9000, .protocol = PortProtocol::kUdp, .host_ip = "127.0.0.1"}};
  }
  const auto info = look(create(spec));
  EXPECT_EQ(info.state, ContainerState::kCreated);
  EXPECT_EQ(info.spec.name, spec.name);
  // An engine may say it in full: control-test:latest as localhost/control-test:latest.
  EXPECT_TRUE(info.spec.image.ends_with(spec.image)) << info.spec.image;
  EXPECT_EQ(info.spec.command, spec.command);
  for (const auto& variable : spec.environment)
    EXPECT_EQ(std::count(info.spec.environment.begin(), info.spec.environment.end(), variable), 1)
        << variable.first;
  for (const auto& [key, value] : spec.labels) {
    ASSERT_TRUE(info.spec.labels.contains(key)) << key;
    EXPECT_EQ(info.spec.labels.at(key), value);
  }
  EXPECT_EQ(info.spec.limits.memory_bytes, spec.limits.memory_bytes);
  EXPECT_EQ(info.spec.limits.nano_cpus, spec.limits.nano_cpus);
  EXPECT_EQ(info.spec.limits.pids, spec.limits.pids);
  EXPECT_TRUE(std::is_permutation(info.spec.ports.begin(), info.spec.ports.end(),
                                  spec.ports.begin(), spec.ports.end()));
  EXPECT_FALSE(info.exit);
  EXPECT_FALSE(info.started_at);
  EXPECT_FALSE(info.pid);
}

MUST(Create, create_with_unknown_engine_option_is_invalid_argument) {
  ContainerSpec spec = obedient();
  spec.engine_options = {{"no-such-option", "1"}};
  const auto created = runtime().create(spec, soon());
  EXPECT_CODE(created, kInvalidArgument);
  expectNamed(created, "no-such-option");
  EXPECT_TRUE(listMine().empty());
}

MUST(Create, ids_are_never_used_again) {
  std::set<ContainerId> seen;
  for (int round = 0; round < 4; ++round) {
    const ContainerId id = create(obedient());
    EXPECT_TRUE(seen.insert(id).second) << id.value;
    EXPECT_OK(runtime().remove(id, {}, soon()));
  }
  for (const ContainerId& id : seen) EXPECT_CODE(runtime().inspect(id, soon()), kNotFound);
}

MUST(Create, find_image_finds_what_is_there_and_nothing_else) {
  const std::string& reference = World::instance().options().image;
  const auto found = runtime().findImage(reference, soon());
  ASSERT_OK(found);
  EXPECT_FALSE(found->id.empty());
  EXPECT_EQ(look(create(obedient())).image_id, found->id);
  EXPECT_CODE(runtime().findImage("registry.test/missing/image:1", soon()), kImageNotFound);
  EXPECT_FALSE(runtime().findImage("", soon())) << "an image without a name was found";
}

MUST(Create, inspect_missing_is_not_found) {
  EXPECT_CODE(runtime().inspect({World::instance().uniqueName()}, soon()), kNotFound);
}

MUST(Create, inspect_tells_of_the_present_run) {
  const ContainerId id = run(obedient());
  const ContainerId other = run(obedient());
  const auto first = look(id);
  EXPECT_EQ(first.state, ContainerState::kRunning);
  EXPECT_TRUE(first.started_at);
  EXPECT_FALSE(first.exit) << "it runs";
  if (first.pid) {
    EXPECT_NE(first.pid, look(other).pid) << "that is the process of another container";
  }
  ASSERT_OK(runtime().kill(id, soon()));
  ASSERT_OK(runtime().start(id, soon()));
  const auto second = look(id);
  EXPECT_EQ(second.state, ContainerState::kRunning);
  EXPECT_NE(second.started_at, first.started_at);
  EXPECT_FALSE(second.exit) << "it was the run before that ended";
}

MUST(Create, inspect_after_exit_reports_exit_status) {
  const ContainerId id = run(shell("sleep 0.2; exit 3"));
  const ExitStatus exit = awaitExit(id);
  const auto info = look(id);
  EXPECT_EQ(info.state, ContainerState::kExited);
  EXPECT_FALSE(info.running());
  EXPECT_FALSE(info.pid);
  ASSERT_TRUE(info.exit);
  EXPECT_EQ(info.exit->exit_code, 3);
  EXPECT_EQ(info.exit->run, exit.run);
  EXPECT_EQ(info.exit->run.container, id);
  ASSERT_TRUE(info.started_at && info.finished_at);
  EXPECT_EQ(info.exit->run.started_at, *info.started_at);
  EXPECT_GE(*info.finished_at, *info.started_at);
}

MUST(Create, list_filters_by_label_and_state) {
  ContainerSpec one = obedient();
  one.labels["colour"] = "red";
  ContainerSpec other = obedient();
  other.labels["colour"] = "green";
  const ContainerId running = run(one);
  const ContainerId created = create(other);
  const auto ids = [&](ListFilter filter) {
    filter.labels.merge(mine());
    const auto rows = runtime().list(filter, soon());
    EXPECT_OK(rows);
    std::vector<std::string> found;
    if (rows)
      for (const ContainerSummary& row : *rows) found.push_back(row.id.value);
    std::sort(found.begin(), found.end());
    return found;
  };
  std::vector<std::string> both{running.value, created.value};
  std::sort(both.begin(), both.end());
  const std::vector<std::string> none;
  EXPECT_EQ(ids({}), both);
  EXPECT_EQ(ids({.labels = {{"colour", "red"}}}), std::vector{running.value});
  EXPECT_EQ(ids({.labels = {{"colour", ""}}}), both) << "an empty value asks for the key";
  EXPECT_EQ(ids({.labels = {{"colour", "blue"}}}), none);
  EXPECT_EQ(ids({.states = {ContainerState::kCreated}}), std::vector{created.value});
  EXPECT_EQ(ids({.states = {ContainerState::kCreated, ContainerState::kRunning}}), both);
  EXPECT_EQ(ids({.states = {ContainerState::kExited}}), none);
  EXPECT_EQ(ids({.labels = {{"colour", "red"}}, .states = {ContainerState::kCreated}}), none);
  for (const ContainerSummary& row : listMine()) {
    const ContainerSpec& spec = row.id == running ? one : other;
    EXPECT_EQ(row.name, spec.name);
    EXPECT_TRUE(row.image.ends_with(spec.image)) << row.image;
    EXPECT_EQ(row.state, row.id == running ? ContainerState::kRunning : ContainerState::kCreated);
    EXPECT_EQ(row.labels, look(row.id).spec.labels);
    EXPECT_EQ(row.labels.at("colour"), spec.labels.at("colour"));
  }
}

MUST(Create, list_survives_concurrent_removal) {
  const ContainerId stays = create(obedient());
  std::atomic<bool> over{false};
  auto coming_and_going = inBackground([&] {
    for (int i = 0; i < 10; ++i) {
      const auto created = runtime().create(obedient(), soon());
      EXPECT_OK(created);
      if (created) {
        EXPECT_OK(runtime().remove(created->id, {.force = true}, soon()));
      }
    }
    over = true;
  });
  while (!over) {
    const auto rows = listMine();
    EXPECT_TRUE(std::any_of(rows.begin(), rows.end(),
                            [&](const ContainerSummary& row) { return row.id == stays; }));
  }
  coming_and_going.get();
  EXPECT_EQ(listMine().size(), 1U);
}

MUST(Create, unknown_engine_state_is_unknown_not_a_failure, Means::kFault) {
  Faults* const faulty = faults();
  if (faulty == nullptr) return;
  const ContainerId id = run(obedient());
  const ContainerId other = create(obedient());
  if (!faulty->inventState(id)) return skip(faulty->whyNot("no state can be invented"));
  const auto info = runtime().inspect(id, soon());
  ASSERT_OK(info);
  EXPECT_EQ(info->state, ContainerState::kUnknown);
  EXPECT_EQ(info->raw_state, Faults::kInventedState);
  const auto rows = listMine();
  ASSERT_EQ(rows.size(), 2U);
  for (const ContainerSummary& row : rows) {
    if (row.id == other) continue;
    EXPECT_EQ(row.state, ContainerState::kUnknown);
    EXPECT_EQ(row.raw_state, Faults::kInventedState);
  }
}

}  // namespace
}  // namespace control::conform
