#include "mock/mock_script.h"
#include "mock/mock_text.h"

#include <gtest/gtest.h>

namespace control::mock {
namespace {

using namespace std::chrono_literals;
using StatementKind = Statement::Kind;

Block parsed(std::string_view script) {
  auto block = parseScript(script);
  EXPECT_TRUE(block) << script;
  return block.value_or(Block{});
}

TEST(Script, ReadsStatementsBetweenSemicolonsAndLines) {
  const Block block = parsed("echo one; sleep 0.5\nexit 3");
  ASSERT_EQ(block.size(), 3u);
  EXPECT_EQ(block[0].text, "one\n");
  EXPECT_EQ(block[1].duration, 500ms);
  EXPECT_EQ(block[2].code, 3);
}

TEST(Script, KeepsWhatIsQuoted) {
  EXPECT_EQ(parsed("echo 'a; b  $x' \"c \\\"d\\\"\"")[0].text, "a; b  $x c \"d\"\n");
}

TEST(Script, ReadsATrapWithItsActionAndSignals) {
  const Block block = parsed("trap 'echo bye; exit 42' INT TERM");
  ASSERT_EQ(block.size(), 1u);
  EXPECT_EQ(block[0].kind, StatementKind::kTrap);
  EXPECT_EQ(block[0].signals, (std::vector<Signal>{{2}, {15}}));
  ASSERT_EQ(block[0].body.size(), 2u);
  EXPECT_EQ(block[0].body[1].code, 42);
}

TEST(Script, TellsAnIgnoredSignalFromOneThatIsReset) {
  EXPECT_TRUE(parsed("trap '' TERM")[0].body.empty());
  EXPECT_FALSE(parsed("trap '' TERM")[0].resets);
  EXPECT_TRUE(parsed("trap - TERM")[0].resets);
}

TEST(Script, ReadsEndlessLoops) {
  for (const char* script :
       {"while true; do sleep 1; done", "while :; do sleep 1; done",
        "until false\ndo\nsleep 1\ndone", "while true ; do sleep 1 ; done ;"}) {
    const Block block = parsed(script);
    ASSERT_EQ(block.size(), 1u) << script;
    EXPECT_EQ(block[0].kind, StatementKind::kLoop) << script;
    ASSERT_EQ(block[0].body.size(), 1u) << script;
    EXPECT_EQ(block[0].body[0].duration, 1s) << script;
  }
}

TEST(Script, ReadsBackgroundSleepsAndWaits) {
  const Block block = parsed("sleep 1000 & wait $!");
  ASSERT_EQ(block.size(), 2u);
  EXPECT_EQ(block[0].kind, StatementKind::kBackgroundSleep);
  EXPECT_EQ(block[1].kind, StatementKind::kWait);
}

TEST(Script, ReadsSleepForEver) {
  EXPECT_EQ(parsed("sleep infinity")[0].kind, StatementKind::kSleep);
  EXPECT_FALSE(parsed("sleep infinity")[0].duration);
}

TEST(Script, ReadsExecAsReplacingTheShell) {
  EXPECT_TRUE(parsed("exec sleep 10")[0].replaces_shell);
  EXPECT_FALSE(parsed("sleep 10")[0].replaces_shell);
}

TEST(Script, ReadsASignalToItself) {
  EXPECT_EQ(parsed("kill -9 $$")[0].signals.front(), Signal::kill());
  EXPECT_EQ(parsed("kill -s SEGV $$")[0].signals.front(), Signal{11});
  EXPECT_EQ(parsed("kill $$")[0].signals.front(), Signal::term());
}

TEST(Script, ReadsOutputToStandardError) {
  EXPECT_EQ(parsed("echo oops >&2")[0].source, OutputSource::kStderr);
  EXPECT_EQ(parsed("echo oops 1>&2; echo fine")[0].source, OutputSource::kStderr);
  EXPECT_EQ(parsed("echo oops 1>&2; echo fine")[1].source, OutputSource::kStdout);
}

TEST(Script, ReadsEchoOptionsAndPrintf) {
  EXPECT_EQ(parsed("echo -n a")[0].text, "a");
  EXPECT_EQ(parsed("echo -e 'a\\tb'")[0].text, "a\tb\n");
  EXPECT_EQ(parsed("printf 'a\\nb'")[0].text, "a\nb");
}

TEST(Script, SkipsComments) { EXPECT_EQ(parsed("# why\necho a # b\n").size(), 1u); }

TEST(Script, UnderstandsNothingBeyondItsLimits) {
  for (const char* script : {"echo a | cat",
                             "echo a && echo b",
                             "echo $HOME",
                             "ls /",
                             "echo `date`",
                             "echo a > file",
                             "if true; then echo; fi",
                             "while read x; do echo; done",
                             "while true; do sleep 1",
                             "sleep",
                             "sleep x",
                             "exit a",
                             "trap 'ls' TERM",
                             "trap 'exit' NOSUCH",
                             "trap exit EXIT",
                             "echo 'open",
                             "done",
                             "echo & echo",
                             "i=0",
                             "while true; do done",
                             "kill -9 1",
                             "(echo a)",
                             "echo a >&2x | y",
                             "printf '%s' a",
                             "echo \"$x\"",
                             "\\"})
    EXPECT_FALSE(parseScript(script)) << script;
}

TEST(Script, KnowsWhatItsContainerWasMadeWith) {
  const Surroundings surroundings{
      .environment = {{"A", "old"}, {"A", "1"}, {"LONG", "a  b"}, {"A_1", "x"}},
      .working_directory = "/data",
      .user = "1234:2345",
      .hostname = "world"};
  const auto printed = [&](const char* script) -> std::string {
    const auto block = parseScript(script, surroundings);
    EXPECT_TRUE(block) << script;
    return block && !block->empty() ? block->front().text : "";
  };
  EXPECT_EQ(printed("pwd"), "/data\n");
  EXPECT_EQ(printed("hostname"), "world\n");
  EXPECT_EQ(printed("id -u"), "1234\n");
  EXPECT_EQ(printed("id -g"), "2345\n");
  EXPECT_EQ(printed("echo \"<$A><${A}x><$LONG><$A_1>\""), "<1><1x><a  b><x>\n");
  EXPECT_EQ(printed("echo $A '$A' \\$A"), "1 $A $A\n");
  EXPECT_EQ(parseScript("trap 'echo $A' TERM", surroundings)->front().body.front().text, "1\n");
  for (const char* script : {"echo $LONG", "echo $B", "echo ${A", "echo \"${A:-x}\"", "echo \"$\"",
                             "echo \"$$\"", "id", "pwd -P", "hostname x"})
    EXPECT_FALSE(parseScript(script, surroundings)) << script;
  EXPECT_FALSE(parseScript("id -u", {.user = "steam"}));
  EXPECT_EQ(parseScript("id -u; pwd")->front().text, "0\n");
}

TEST(Script, RefusesLoopsNestedWithoutEnd) {
  std::string script;
  for (int i = 0; i < 10000; ++i) script += "while true; do ";
  EXPECT_FALSE(parseScript(script));
}

TEST(Command, WithoutWordsIsAServer) {
  EXPECT_EQ(parseCommand({}).kind, Program::Kind::kServer);
  EXPECT_EQ(parseCommand({"java", "-jar", "server.jar"}).kind, Program::Kind::kServer);
}

TEST(Command, OfAShellIsItsScript) {
  for (const char* shell : {"sh", "/bin/sh", "/bin/bash", "ash"}) {
    const Program program = parseCommand({shell, "-c", "exit 3"});
    EXPECT_EQ(program.kind, Program::Kind::kUnderstood);
    EXPECT_EQ(program.body.front().code, 3);
  }
  EXPECT_EQ(parseCommand({"sh", "-c", "ls | wc"}).kind, Program::Kind::kOpaque);
  EXPECT_EQ(parseCommand({"sh", "/start.sh"}).kind, Program::Kind::kOpaque);
}

TEST(Command, OfOneProgramIsThatProgram) {
  EXPECT_EQ(parseCommand({"/bin/sleep", "5"}).body.front().duration, 5s);
  EXPECT_TRUE(parseCommand({"sleep", "5"}).body.front().replaces_shell);
  EXPECT_EQ(parseCommand({"cat"}).body.front().kind, StatementKind::kCopyInput);
  EXPECT_EQ(parseCommand({"false"}).body.front().code, 1);
}

TEST(Command, IsMissingWhenItsPathSaysSo) {
  for (const char* path :
       {"/nonexistent", "/no-such-program", "nosuch", "/bin/missing", "/does-not-exist/x"})
    EXPECT_EQ(parseCommand({path}).kind, Program::Kind::kMissing) << path;
}

TEST(DurationText, IsANumberWithAUnit) {
  EXPECT_EQ(parseDuration("5s"), 5s);
  EXPECT_EQ(parseDuration("300ms"), 300ms);
  EXPECT_EQ(parseDuration("0.7"), 700ms);
  EXPECT_EQ(parseDuration("1.5h"), 90min);
  EXPECT_EQ(parseDuration("infinity"), Duration::max());
  EXPECT_EQ(parseDuration("99999999999999999999s"), Duration::max());
  for (const char* text : {"", "s", "-1s", "5x", "5 s", "nan", "1e3", "0x10"})
    EXPECT_FALSE(parseDuration(text)) << text;
}

TEST(Unescape, KnowsItsEscapesAndLeavesOthers) {
  EXPECT_EQ(unescape("a\\n\\t\\r\\\\\\x41\\q\\"), "a\n\t\r\\A\\q\\");
  EXPECT_EQ(unescape("\\0"), std::string(1, '\0'));
}

}  // namespace
}  // namespace control::mock
