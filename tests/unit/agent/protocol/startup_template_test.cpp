#include "agent/actions/startup_template.h"

#include <array>
#include <cstdio>
#include <memory>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/agent/protocol/refused.h"

namespace agent {
namespace {

using testing::StartsWith;

/// What /bin/sh prints for `command` with `environment`.
std::string shellOutput(const std::string& command, const Environment& environment) {
  std::string script;
  for (const auto& [name, value] : environment) {
    std::string quoted;
    for (char c : value) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
    script += "export " + name + "='" + quoted + "'\n";
  }
  script += command;
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(script.c_str(), "r"), pclose);
  std::string output;
  std::array<char, 256> buffer{};
  while (fgets(buffer.data(), buffer.size(), pipe.get()) != nullptr) output += buffer.data();
  return output;
}

/// The words that a program started by the template gets, one in brackets each.
std::string words(const std::string& arguments, const Environment& environment) {
  return shellOutput(expandStartup("/usr/bin/printf '[%s]' " + arguments, environment),
                     environment);
}

TEST(StartupTemplate, FillsInValues) {
  EXPECT_EQ(expandStartup("./run --port {{SERVER_PORT}}", {{"SERVER_PORT", "25565"}}),
            "exec ./run --port 25565");
  EXPECT_EQ(expandStartup("java -Xmx{{M}}M -jar {{JAR}}", {{"M", "1024"}, {"JAR", "server.jar"}}),
            "exec java -Xmx1024M -jar server.jar");
}

TEST(StartupTemplate, LeavesUnknownNamesAndShellVariables) {
  EXPECT_EQ(expandStartup("./run {{UNKNOWN}} ${HOME} {{a", {{"HOME", "/x"}}),
            "exec ./run {{UNKNOWN}} ${HOME} {{a");
}

TEST(StartupTemplate, DoesNotScanValuesAgain) {
  const Environment environment{{"A", "{{B}}"}, {"B", "secret"}};
  EXPECT_EQ(words("{{A}}", environment), "[{{B}}]");
}

TEST(StartupTemplate, KeepsEachValueOneWord) {
  const Environment environment{{"MOTD", "a  b\tc"}, {"EMPTY", ""}, {"GLOB", "/*"}, {"HOME_", "~"}};
  EXPECT_EQ(words("{{MOTD}} {{EMPTY}} x{{MOTD}}y {{GLOB}} {{HOME_}}", environment),
            "[a  b\tc][][xa  b\tcy][/*][~]");
}

TEST(StartupTemplate, LetsNoValueAddACommandWhereverItStands) {
  for (const char* value :
       {"; echo HACKED", "$(echo HACKED)", "`echo HACKED`", "' ; echo HACKED ; '",
        "\" ; echo HACKED ; \"", "\necho HACKED\n", "| echo HACKED", "&& echo HACKED", "\\", "$X",
        "> /dev/null", "a'b\"c"}) {
    const Environment environment{{"V", value}};
    const std::string in_brackets = "[" + std::string(value) + "]";
    EXPECT_EQ(words("{{V}}", environment), in_brackets);
    EXPECT_EQ(words("\"{{V}}\"", environment), in_brackets);
    EXPECT_EQ(words("'{{V}}'", environment), in_brackets);
    EXPECT_EQ(words("\"$(/usr/bin/printf '%s.' {{V}})\"", environment),
              "[" + std::string(value) + ".]");
    EXPECT_EQ(words("\"$(/usr/bin/printf '%s.' \"{{V}}\")\"", environment),
              "[" + std::string(value) + ".]");
    EXPECT_EQ(words("x # it's {{V}}", environment), "[x]");
  }
}

TEST(StartupTemplate, LetsNoValueChangeARedirectionOrTheGrammar) {
  const Environment environment{{"N", "2"}, {"WORD", "if"}};
  EXPECT_EQ(words("{{N}}>/dev/stdout", environment), "[2]");
  EXPECT_EQ(expandStartup("{{WORD}} x", environment), "exec \"${WORD}\" x");
}

TEST(StartupTemplate, RefusesADangerousValueOfANameTheShellCannotHold) {
  EXPECT_THAT(refused([] {
                expandStartup("./run {{MY-VAR}}", {{"MY-VAR", "a; b"}});
              }),
              StartsWith("INVALID_PAYLOAD payload.environment.MY-VAR"));
  EXPECT_THAT(refused([] {
                expandStartup("./run {{PWD}}", {{"PWD", "a b"}});
              }),
              StartsWith("INVALID_PAYLOAD payload.environment.PWD"));
  EXPECT_EQ(expandStartup("./run {{MY-VAR}}", {{"MY-VAR", "plain"}}), "exec ./run plain");
}

/// `count` times {{A}}, and words in front.
std::string repeated(std::size_t count, const std::string& front) {
  std::string text = front;
  for (std::size_t i = 0; i < count; ++i) text += "{{A}}";
  return text;
}

TEST(StartupTemplate, IsBoundByTheLongestArgumentThatTheKernelTakes) {
  const Environment kilobyte{{"A", std::string(1024, 'x')}};
  const std::size_t spared = 1024 - std::string_view("exec ./run ").size() - 1;
  const std::string longest =
      expandStartup(repeated(127, "./run " + std::string(spared, 'y')), kilobyte);
  EXPECT_EQ(longest.size(), 128 * 1024 - 1U);
  const auto refusal = [&](std::size_t count, const std::string& front) {
    return refused([&] { expandStartup(repeated(count, front), kilobyte); });
  };
  const std::string wrong = "INVALID_PAYLOAD payload.startup is longer than 128 KiB";
  EXPECT_THAT(refusal(127, "./run " + std::string(spared + 1, 'y')), StartsWith(wrong))
      << "exec counts";
  EXPECT_THAT(refusal(128, "./run; "), StartsWith(wrong));
  // Built whole, this is 100 MB.
  EXPECT_THAT(refused([] {
                expandStartup(repeated(3200, "./run; "), {{"A", std::string(32 * 1024, 'x')}});
              }),
              StartsWith(wrong));
}

TEST(StartupTemplate, TakesTheLineEndsOfTextAreas) {
  EXPECT_EQ(expandStartup("\r\ncd /x\r\n./run a\r\n", {}), "cd /x\n./run a");
  EXPECT_EQ(expandStartup("./run 'a\rb' {{A}}", {{"A", "c\r\nd"}}), "exec ./run 'a\rb' \"${A}\"");
}

TEST(StartupTemplate, ReplacesTheShellForASimpleCommand) {
  for (const char* text :
       {"./run", "java -jar x.jar", "./run 'a;b' \"c|d\" e\\;f", "./run > log 2>&1",
        "./run $(cat args)", "./run < in", "./run # note", "\"./my run\" x"})
    EXPECT_TRUE(isSimpleCommand(text)) << text;
}

TEST(StartupTemplate, KeepsTheShellForEverythingElse) {
  for (const char* text : {"./a | ./b",
                           "./a; ./b",
                           "./a && ./b",
                           "./a || ./b",
                           "./a &",
                           "./a\n./b",
                           "(./a)",
                           "{ ./a; }",
                           "if true; then ./a; fi",
                           "while :; do ./a; done",
                           "exec ./a",
                           "cd /x",
                           "echo hi",
                           "[ a = b ]",
                           "A=1",
                           "./a << EOF\nx\nEOF",
                           "",
                           "  ",
                           "# nothing",
                           "! ./a",
                           ". ./env",
                           "./a 'open",
                           "f() { x; }",
                           "./a &> log",
                           "export A=1"})
    EXPECT_FALSE(isSimpleCommand(text)) << text;
}

TEST(StartupTemplate, KeepsAnExecThatIsThere) {
  EXPECT_EQ(expandStartup("exec ./run", {}), "exec ./run");
  EXPECT_EQ(expandStartup("cd /x && exec ./run", {}), "cd /x && exec ./run");
}

TEST(StartupTemplate, PutsExecBehindAssignments) {
  const std::string text = expandStartup("A=1 B='x y' /usr/bin/env", {});
  EXPECT_EQ(text, "A=1 B='x y' exec /usr/bin/env");
  const std::string output = shellOutput(text, {});
  EXPECT_THAT(output, testing::HasSubstr("A=1\n"));
  EXPECT_THAT(output, testing::HasSubstr("B=x y\n"));
}

TEST(StartupTemplate, MakesTheProgramTheProcessOfTheShell) {
  // The shell's own id and the one of the program that it becomes.
  EXPECT_EQ(
      shellOutput("/bin/sh -c 'echo $$; " + expandStartup("/bin/sh -c 'exit 0'", {}).substr(0, 4) +
                      " /usr/bin/env sh -c \"echo \\$\\$\"' | uniq | wc -l",
                  {}),
      "1\n");
}

}  // namespace
}  // namespace agent
