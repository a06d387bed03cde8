#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace agent {

/// A command that was accepted and whose end will be told.
struct Operation {
  std::string action{};
  std::string server_id{};   ///< empty: it belongs to none
  std::string command_id{};  ///< empty: a legacy message asked
  std::string image{};       ///< of a pull
  bool remove_data = false;
  bool told = false;           ///< a change of its server's state was told under its name
  std::string failure_code{};  ///< as its failure was told before its end; empty: it was not
};

/// The operations in progress, by the id under which the supervisor knows them. Threads: any.
class Operations {
 public:
  static constexpr std::size_t kMost = 1024;

  /// An id for the supervisor. BUSY (Refusal): kMost are in progress.
  std::string begin(Operation operation);
  std::optional<Operation> find(const std::string& id) const;
  /// All that have not ended.
  std::vector<Operation> inProgress() const;
  bool isInProgress(const std::string& command_id) const;
  void noteTold(const std::string& id);
  void noteFailure(const std::string& id, std::string code);
  /// Ends it; absent when it was not known.
  std::optional<Operation> take(const std::string& id);

 private:
  mutable std::mutex mutex_;
  std::map<std::string, Operation> operations_;
  unsigned long long last_ = 0;
};

}  // namespace agent
