#pragma once

#include <optional>
#include <string>
#include <vector>

#include "mock/mock_fields.h"
#include "mock/mock_scenario.h"

namespace control::mock {

// The parts of a scenario. Each reader returns an error that names a key and its line.

std::optional<Error> readImages(const Json& value, Scenario& scenario);
std::optional<Error> readContainers(const Json& value, Scenario& scenario);
std::optional<Error> readRules(const Json& value, Scenario& scenario);
std::optional<Error> readScript(const Json& value, Scenario& scenario);
/// The specification alone, as another client's create has it.
std::optional<Error> readSpec(const Json& value, std::optional<ContainerSpec>& spec);

// What each part may hold, appended to `options`.
void listImageOptions(std::vector<std::string>& options);
void listContainerOptions(std::vector<std::string>& options);
void listRuleOptions(std::vector<std::string>& options);
void listScriptOptions(std::vector<std::string>& options);

template <class Fields>
void listFields(const std::string& prefix, const Fields& fields,
                std::vector<std::string>& options) {
  for (const auto& field : fields) options.push_back(prefix + std::string(field.name));
}

}  // namespace control::mock
