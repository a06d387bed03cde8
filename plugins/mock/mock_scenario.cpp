#include "mock/mock_scenario.h"

#include <array>

#include "mock/mock_error.h"
#include "mock/mock_scenario_parts.h"

namespace control::mock {
namespace {

using Found = std::optional<Error>;

Found readSeed(const Json& value, Scenario& scenario) {
  return readNatural(value, scenario.seed.emplace());
}

Found readClock(const Json& value, Scenario& scenario) {
  if (value.kind != Json::Kind::kString || !isClockWord(value.text)) return notWanted();
  scenario.clock = value.text;
  return std::nullopt;
}

Found readProfile(const Json& value, Scenario& scenario) {
  if (value.kind != Json::Kind::kString) return notWanted();
  scenario.profile = findProfile(value.text);
  if (scenario.profile == nullptr) return badValue("profile", value, "one of " + knownProfiles());
  return std::nullopt;
}

constexpr std::array<Field<Scenario>, 7> kFields{{
    {"seed", readSeed, "a whole number"},
    {"clock", readClock, kClockWords},
    {"profile", readProfile, "the name of a profile in quotes"},
    {"images", readImages, "a list of objects"},
    {"containers", readContainers, "a list of objects"},
    {"rules", readRules, "a list of objects"},
    {"script", readScript, "a list of objects"},
}};

constexpr std::string_view kPresentWanted = "true or false";

using Image = std::pair<std::string, ImageFacts>;

constexpr std::array<Field<Image>, 4> kImageFields{{
    {"reference",
     [](const Json& value, Image& image) -> Found {
       if (value.kind != Json::Kind::kString || !isReference(value.text)) return notWanted();
       image.first = value.text;
       return std::nullopt;
     },
     "an image reference, as \"docker.io/library/busybox:1.36\""},
    {"present",
     [](const Json& value, Image& image) { return readBool(value, image.second.present); },
     kPresentWanted},
    {"stop_signal",
     [](const Json& value, Image& image) { return readSignal(value, image.second.stop_signal); },
     "a signal, as \"TERM\""},
    {"size_bytes",
     [](const Json& value, Image& image) -> Found {
       std::uint64_t size = 0;
       if (auto wrong = readNatural(value, size, 0, INT64_MAX)) return wrong;
       image.second.size_bytes = static_cast<std::int64_t>(size);
       return std::nullopt;
     },
     "a number of bytes"},
}};

Found readImage(const Json& value, Image& image) {
  if (auto wrong = readFields<Image>(value, kImageFields, image)) return wrong;
  if (image.first.empty()) return atLine(value.line, "an image needs a \"reference\"");
  return std::nullopt;
}

}  // namespace

std::optional<Error> readImages(const Json& value, Scenario& scenario) {
  return readItems<Image>(value, scenario.images, readImage);
}

void listImageOptions(std::vector<std::string>& options) {
  listFields("images[].", kImageFields, options);
}

bool isClockWord(std::string_view word) {
  return word == "real" || word == "virtual" || word == "auto";
}

Result<Scenario> readScenario(std::string_view text) {
  const auto root = readJson(text);
  if (!root) return root.error();
  Scenario scenario;
  if (auto wrong = readFields<Scenario>(*root, kFields, scenario)) {
    if (wrong->message.empty())
      return atLine(root->line, "a scenario is an object: { \"containers\": [ ... ] }");
    return *wrong;
  }
  return scenario;
}

std::vector<std::string> scenarioOptions() {
  std::vector<std::string> options;
  listFields("", kFields, options);
  listImageOptions(options);
  listContainerOptions(options);
  listRuleOptions(options);
  listScriptOptions(options);
  return options;
}

}  // namespace control::mock
