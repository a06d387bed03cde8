// The reader of scenario files: what it refuses, and where it says so.

#include "mock/mock_scenario.h"

#include <sys/stat.h>

#include "scenario_fixture.h"

namespace control::mock {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string problemOf(std::string text) {
  std::replace(text.begin(), text.end(), '\'', '"');
  const auto scenario = readScenario(text);
  if (scenario) return "accepted";
  EXPECT_FAILS(scenario, kInvalidArgument);
  return scenario.error().message;
}

TEST(MockScenario, TakesAnEmptyOne) {
  const auto scenario = readScenario("{}");
  ASSERT_TRUE(scenario);
  EXPECT_TRUE(scenario->containers.empty());
}

TEST(MockScenario, NamesAnUnknownKeyItsLineAndWhatIsKnown) {
  EXPECT_EQ(problemOf("{\n  'seed': 1,\n  'sead': 2\n}"),
            "line 3: unknown key \"sead\": known are seed, clock, profile, images, containers, "
            "rules, script");
  EXPECT_THAT(problemOf("{'containers': [\n{'image': 'a',\n'naem': 'x'}]}"),
              StartsWith("line 3: unknown key \"naem\": known are name, image"));
  EXPECT_THAT(problemOf("{'rules': [{\n'when': {'op': 'info',\n 'nht': 1}, 'then': {}}]}"),
              StartsWith("line 3: unknown key \"nht\": known are op, event"));
  EXPECT_THAT(problemOf("{'script': [{'at': '1s', 'do': 'hang',\n 'name': 'x',\n 'why': 1}]}"),
              StartsWith("line 3: unknown key \"why\""));
}

TEST(MockScenario, NamesTheKeyAndLineOfAWrongValue) {
  const std::vector<std::pair<std::string, std::string>> wrong{
      {"{\n'seed': '7'}", "line 2: \"seed\": use a whole number"},
      {"{'seed': -1}", "line 1: \"seed\""},
      {"{'seed': 1.5}", "line 1: \"seed\""},
      {"{'seed': 99999999999999999999}", "line 1: \"seed\""},
      {"{'clock': 'sundial'}", "line 1: \"clock\": use real, virtual or auto"},
      {"{'profile': 'docker-1'}", "line 1: \"profile\": use one of mock, docker-20"},
      {"{'images': {}}", "line 1: \"images\": use a list"},
      {"{'images': [{'reference': ''}]}", "\"reference\": use an image reference"},
      {"{'images': [{}]}", "line 1: an image needs a \"reference\""},
      {"{'containers': [{'image': 'a', 'tty': 1}]}", "\"tty\": use true or false"},
      {"{'containers': [{'image': 'a', 'command': 'x'}]}", "\"command\": use a list"},
      {"{'containers': [{'image': 'a', 'labels': {'a': 1}}]}", "\"labels\": use an object"},
      {"{'containers': [{'image': 'a', 'stop_signal': 'NONE'}]}", "\"stop_signal\": use a signal"},
      {"{'containers': [{'image': 'a', 'stop_timeout': 10}]}", "\"stop_timeout\": use a duration"},
      {"{'containers': [{'image': 'a', 'stop_timeout': 'infinity'}]}",
       "\"stop_timeout\": use 100000d or less, as longer is too long, not \"infinity\""},
      {"{'rules': [{'then': {'latency': '5 s'}}]}",
       "\"latency\": use a duration in quotes, with its unit (us, ms, s, m, h, d) right behind the "
       "number, as \"250ms\", not \"5 s\""},
      {"{'rules': [{'then': {'latency': '999999d'}}]}", "\"latency\": use 100000d or less"},
      {"{'rules': [{'then': {'latency': '0'}}]}", "\"latency\": use a duration above 0, not \"0\""},
      {"{'containers': [{'image': 'a', 'ports': [{'container_port': 70000}]}]}",
       "\"container_port\": use a port"},
      {"{'containers': [\n{'image': ''}]}",
       "line 2: a container without a name: the key \"image\" is missing"},
      {"{'containers': [\n{'name': 'web', 'image': 'a b'}]}",
       "line 2: container 'web': image 'a b' is not a reference"},
      {"{'containers': [\n{'name': 'web', 'image': 'a', 'limits': {'memory_bytes': 1}}]}",
       "line 2: container 'web': the memory limit is at least 6 MiB"},
      {"{'containers': [\n{'image': 'a', 'labels': {'mock.run_fro': '1s'}}]}",
       "line 2: a container without a name: unknown label mock.run_fro"},
      {"{'containers': [{'image': 'a', 'running': true, 'exit': {'exit_code': 0}}]}", "not both"},
      {"{'containers': [{'image': 'a',\n'exit': {}}]}",
       "line 2: \"exit\" has one of exit_code, signal and oom"},
      {"{'containers': [{'image': 'a', 'exit': {'exit_code': 1, 'oom': true}}]}",
       "one of exit_code, signal and oom, not exit_code and oom"},
      {"{'containers': [{'image': 'a', 'exit': {'signal': 'HUP', 'exit_code': 1}}]}",
       "not signal and exit_code"},
      {"{'containers': [{'image': 'a', 'exit': {'oom': false}}]}", "\"oom\": use true"},
      {"{'containers': [{'image': 'a', 'exit': {'exit_code': 256}}]}", "\"exit_code\""},
      {"{'rules': [{'when': {'op': 'launch'}, 'then': {}}]}", "\"op\": use a call: info, create"},
      {"{'rules': [{'when': {'event': 'gap'}, 'then': {}}]}", "\"event\": use any, created"},
      {"{'rules': [{'when': {'name': ''}, 'then': {}}]}", "\"name\": use a name"},
      {"{'rules': [{'when': {'name_glob': ''}, 'then': {}}]}", "\"name_glob\": use a name"},
      {"{'rules': [\n{'when': {'nth': 1, 'times': 1}, 'then': {'latency': '1s'}}]}",
       "line 2: nth is one match alone"},
      {"{'containers': [{'image': 'a', 'name': ''}]}", "\"name\": use a name"},
      {"{'script': [{'at': '1s', 'do': 'crash', 'name': ''}]}", "\"name\": use a container's name"},
      {"{'rules': [{'when': {'nth': 0}, 'then': {}}]}", "\"nth\": use a whole number of 1"},
      {"{'rules': [{'when': {'probability': 'x'}, 'then': {}}]}", "\"probability\""},
      {"{'rules': [{'then': {'hang': true}}]}", "\"hang\": use \"before\" or \"after\""},
      {"{'rules': [{'then': {'error': {'code': 'oops'}}}]}", "\"code\": use invalid_argument"},
      {"{'rules': [{'then': {'error': {'effect': 'none'}}}]}", "\"error\" needs a \"code\""},
      {"{'rules': [\n\n{'when': {'op': 'info'}}]}", "line 3: a rule does something"},
      {"{'script': [{'at': '1s'}]}", "a step needs the key \"do\""},
      {"{'script': [{'do': 'engine_up'}]}", "a step needs the key \"at\""},
      {"{'script': [{'at': 'soon', 'do': 'engine_up'}]}", "\"at\": use a duration"},
      {"{'script': [{'at': '1s', 'do': 'explode'}]}", "\"do\": use one of engine_down"},
      {"{'rules': [{'when': {'op': 'strat'}, 'then': {}}]}", "or find_image, not \"strat\""},
      {"{'script': [{'at': '1s', 'do': 'oob_rename', 'name': 'x'}]}", "needs the key \"to\""},
      {"{'script': [{'at': '1s', 'do': 'engine_up', 'name': 'x'}]}", "takes no key \"name\""},
      {"{'script': [{'at': '1s', 'do': 'crash', 'name': 'x', 'exit_code': 1, 'signal': 'HUP'}]}",
       "not both"},
      {"{'script': [{'at': '1s', 'do': 'oob_create', 'container': {'image': 'a', 'exit': {}}}]}",
       "unknown key \"exit\""},
  };
  for (const auto& [text, problem] : wrong) EXPECT_THAT(problemOf(text), HasSubstr(problem));
}

TEST(MockScenario, RefusesAKeyThatIsThereTwice) {
  EXPECT_EQ(problemOf("{'seed': 1,\n'seed': 1}"), "line 2: the key \"seed\" is there twice");
}

TEST(MockScenario, RefusesWhatIsNotJson) {
  const std::vector<std::pair<std::string, std::string>> wrong{
      {"", "line 1: the text ends early"},
      {"\n\n[", "line 3: the text ends early"},
      {"[]", "line 1: a scenario is an object"},
      {"{} {}", "something follows"},
      {"{'a': 1,}", "a key in quotes is missing"},
      {"{seed: 1}", "a key in quotes is missing"},
      {"{'seed' 1}", "':' is missing"},
      {"{'seed': 1 'clock': 2}", "',' or '}' is missing"},
      {"{'seed': 01}", "'01' is no JSON value"},
      {"{'seed': 1.}", "is no JSON value"},
      {"{'seed': 1e}", "is no JSON value"},
      {"{'seed': nothing}", "'nothing' is no JSON value"},
      {"{'images': [1 2]}", "',' or ']' is missing"},
      {"{'clock': 'a\nb'}", "control character"},
      {"{'clock': 'a", "no closing quote"},
      {"{'clock': '\\", "no closing quote"},
      {"{'clock': '\\q'}", "an escape is unknown"},
      {"{'clock': '\\u12'}", "four hexadecimal digits"},
      {"{'clock': '\\ud800'}", "surrogate"},
      {"{'clock': '\\udc00'}", "surrogate"},
      {"{'clock': '\xff'}", "not UTF-8"},
      {"{'clock': '\xe0\x80\x80'}", "not UTF-8"},
      {std::string("{\0}", 3), "a key in quotes is missing"},
      {std::string(100000, '['), "nested too deep"},
  };
  for (const auto& [text, problem] : wrong) EXPECT_THAT(problemOf(text), HasSubstr(problem));
}

TEST(MockScenario, ReadsEscapesAndAnyUtf8) {
  const auto scenario = readScenario(
      R"({"containers": [{"image": "a", "command": ["\"\\\/\b\f\n\r\t\u0041\u00e9\u20ac\ud83d\ude00", "€"]}]})");
  ASSERT_TRUE(scenario) << scenario.error().message;
  EXPECT_EQ(scenario->containers[0].spec.command[0], "\"\\/\b\f\n\r\tA\u00e9\u20ac\U0001F600");
  EXPECT_EQ(scenario->containers[0].spec.command[1], "\u20ac");
}

TEST(MockScenarioFile, OpensAnEngineOfItsOwn) {
  const ScenarioFile file("{'containers': [{'name': 'web', 'image': 'a'}]}");
  const auto one = openMock(file.uri("clock=virtual"));
  const auto two = openMock(file.uri("clock=virtual"));
  ASSERT_TRUE(one && two);
  EXPECT_TRUE((*one)->remove({"web"}, {}, {}));
  EXPECT_TRUE((*two)->inspect({"web"}, {}));
}

TEST(MockScenarioFile, TellsWhatIsWrongWithTheFile) {
  const auto message = [](const std::string& uri) {
    const auto opened = openMock(uri);
    EXPECT_FAILS(opened, kInvalidArgument);
    return opened ? "" : opened.error().message;
  };
  const ScenarioFile bad("{\n'sede': 1}");
  EXPECT_THAT(message(bad.uri("")), HasSubstr("scenario.json: line 2: unknown key \"sede\""));
  EXPECT_THAT(message("mock:///nonexistent/x.json"), HasSubstr("No such file"));
  EXPECT_THAT(message("mock:///nonexistent/x"), HasSubstr("a scenario file ends in .json"));
  EXPECT_THAT(message("mock:///default?name=a"), HasSubstr("for scenario files"));
  const ScenarioFile good("{}");
  EXPECT_THAT(message(good.uri("name=a/b")), HasSubstr("use letters"));
  EXPECT_THAT(message(good.uri("profile=x")), HasSubstr("profile=x: use one of mock, docker-20"));
  const ScenarioFile large(std::string((1 << 20) + 1, ' ') + "{}");
  EXPECT_THAT(message(large.uri("")), HasSubstr("larger than 1 MiB"));
}

TEST(MockScenarioFile, IsNoDirectoryNorPipe) {
  const ScenarioFile file("{}");
  const std::string pipe = file.path() + ".pipe.json";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const auto opened = openMock("mock://" + pipe);
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().message, HasSubstr("is not a file"));
}

TEST(MockScenarioFile, NamesTheLineOfAContainerThatCannotBe) {
  const ScenarioFile file(
      "{'containers': [\n{'name': 'web', 'image': 'a'},\n{'name': 'web', 'image': 'a'}]}");
  const auto opened = openMock(file.uri("clock=virtual"));
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().message,
              HasSubstr("line 3: container 'web': the name 'web' is taken"));
}

TEST(MockScenarioFile, UnusedPartsAreNamedByTheirLines) {
  const Opened engine(
      "{'rules': [\n{'when': {'op': 'info'}, 'then': {'latency': '1s'}},\n"
      "{'when': {'op': 'pull'}, 'then': {'latency': '1s'}}],\n"
      "'script': [\n{'at': '1h', 'do': 'engine_down'},\n"
      "{'at': '0s', 'do': 'hang', 'name': 'nobody'}]}",
      "clock=virtual");
  std::ignore = engine->info(kAtOnce);
  engine.clock->setAutoAdvance(true);
  std::ignore = engine->info({});
  EXPECT_THAT(
      engine.mock->unusedRules(),
      ::testing::ElementsAre("the rule at line 3: pull -> latency 1.000000000 s",
                             "the step at line 5: engine_down has not come",
                             "the step at line 6: hang 'nobody': no such container: nobody"));
}

TEST(MockScenarioFile, ResetBeginsItAgain) {
  const Opened engine(
      "{'containers': [{'name': 'web', 'image': 'a', 'running': true}],"
      " 'rules': [{'when': {'op': 'info', 'nth': 1}, 'then': {'error': {'code': 'internal'}}}],"
      " 'script': [{'at': '5s', 'do': 'oob_remove', 'name': 'web'}]}",
      "clock=virtual");
  const std::string id = engine.look("web").id.value;
  engine.clock->advance(5s);
  EXPECT_FALSE(engine.there("web"));
  EXPECT_FAILS(engine->info({}), kInternal);
  engine.mock->reset();
  EXPECT_EQ(engine.look("web").id.value, id);
  EXPECT_FAILS(engine->info({}), kInternal);
  engine.clock->advance(5s);
  EXPECT_FALSE(engine.there("web"));
}

/// The same calls in the same order, with chance and time in them.
std::string liveThrough(const std::string& query) {
  const Opened engine(
      "{'containers': [{'name': 'web', 'image': 'a', 'labels': {'mock.ignore_signals': 'TERM'}}],"
      " 'rules': [{'when': {'op': 'inspect', 'probability': 0.5}, 'then': {'latency': '3ms'}},"
      "           {'when': {'probability': 0.2},"
      "            'then': {'error': {'code': 'unavailable', 'effect': 'applied'}}}],"
      " 'script': [{'at': '40s', 'do': 'engine_restart', 'containers': 'kill'}]}",
      query);
  for (int i = 0; i < 20; ++i) {
    const auto created = engine->create({.image = "a"}, {});
    std::ignore = engine->start({"web"}, {});
    std::ignore = engine->stop({"web"}, {.timeout = 3s}, {});
    if (created) std::ignore = engine->remove(created->id, {.force = true}, {});
  }
  return engine.mock->journalText();
}

TEST(MockScenarioFile, SameSeedAndCallsGiveTheSameJournalToTheByte) {
  const std::string first = liveThrough("clock=auto&seed=7");
  EXPECT_GT(first.size(), 5000u);
  EXPECT_EQ(liveThrough("clock=auto&seed=7"), first);
  EXPECT_NE(liveThrough("clock=auto&seed=8"), first);
}

}  // namespace
}  // namespace control::mock
