#pragma once

#include <fstream>
#include <sstream>
#include <string>

/// The content of a file of this project, named from its root; empty when there is none.
inline std::string contentOf(const std::string& name) {
  std::ifstream file(std::string(CONTROL_SOURCE_DIR) + "/" + name);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}
