#pragma once

#include <Poco/JSON/Object.h>

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "agent_listener.h"
#include "progress.h"
#include "screen.h"

namespace panel {

/// What an agent answered to a command.
struct Reply {
  std::string id;
  std::string error;  ///< "CODE: message"; empty: it succeeded
  Poco::JSON::Object::Ptr data;
};

/// How a long command ended.
struct Outcome {
  bool success = false;
  std::string error;  ///< "CODE: message"
};

/// The last that was heard of one server.
struct ServerView {
  std::string node;
  std::string state;
  std::map<std::string, std::string> facts;  ///< reason, exitCode, … of the last change, as text
};

enum class Watch { kOff, kChanges, kStats };

/// What the panel knows of its agents, and how it asks them for something.
///
/// Threads:  any.
/// Blocking: ask() and the wait functions, until their time is over.
class Panel : public AgentObserver {
 public:
  using Seconds = std::chrono::duration<double>;

  explicit Panel(Screen& screen) : screen_(screen), bars_(screen) {}

  /// Where messages are sent. Set before the first agent is taken.
  void setListener(AgentListener* listener) { listener_ = listener; }

  void onConnected(const std::string& node) override;
  void onMessage(const std::string& node, const std::string& text) override;
  void onDisconnected(const std::string& node, const std::string& why) override;

  std::vector<std::string> nodes() const;
  void watch(Watch what);

  /// Shows no lines but those of `server`, once showFrom() has been called; empty: of all again.
  void focus(const std::string& server);
  /// The lines of the server in focus after number `last`, those that came since focus() too.
  void showFrom(std::uint64_t last);

  /// Sends a command about `server` (may be empty) and waits for its response. The node is the one
  /// the server is known on, else `node`, else the only one that is connected.
  Reply ask(const std::string& action, const std::string& server,
            const Poco::JSON::Object::Ptr& payload, const std::string& node,
            Seconds patience = kReplyTimeout);
  /// The same for an action that is answered once it is done, which may take minutes; its end is
  /// remembered for waitForEnd(), and said when it succeeded.
  Reply askAtLength(const std::string& action, const std::string& server,
                    const Poco::JSON::Object::Ptr& payload, const std::string& node);

  ProgressBars& bars() { return bars_; }

  bool waitForNode(Seconds timeout);
  bool waitForState(const std::string& server, const std::string& state, Seconds timeout);
  std::optional<Outcome> waitForEnd(const std::string& id, Seconds timeout);
  std::optional<ServerView> view(const std::string& server) const;

 private:
  using Object = Poco::JSON::Object::Ptr;
  static constexpr Seconds kReplyTimeout{15};

  std::string pickNode(const std::string& server, const std::string& node) const;
  std::string nextId();
  void onResponse(const std::string& id, const std::string& message);
  void onEvent(const std::string& node, const std::string& event, const Object& data);
  void onStatusChange(const std::string& node, const Object& data);
  void onProgress(const std::string& event, const Object& data);
  void onCompleted(const Object& data);
  void sayEnd(const std::string& id, const std::string& operation, const Object& result);
  void onLine(const std::string& server, const Object& data);
  void note(const std::string& line, Watch needed);

  Screen& screen_;
  ProgressBars bars_;
  AgentListener* listener_ = nullptr;

  mutable std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  std::map<std::string, bool> nodes_;           // connected now
  std::map<std::string, std::string> replies_;  // as sent: each thread parses for itself
  std::map<std::string, Outcome> outcomes_;
  std::map<std::string, ServerView> servers_;
  Watch watch_ = Watch::kChanges;
  std::string focus_;                        // whose lines alone are shown
  std::optional<std::uint64_t> shown_from_;  // of focus_; absent: they are held back
  std::map<std::uint64_t, std::string> held_back_;
  unsigned long commands_ = 0;
};

/// A field as text; empty when it is not there or null.
std::string text(const Poco::JSON::Object::Ptr& object, const std::string& key);
/// A field as a whole number; 0 when it is none.
std::int64_t number(const Poco::JSON::Object::Ptr& object, const std::string& key);
/// A field that is an object; null when it is none.
Poco::JSON::Object::Ptr inner(const Poco::JSON::Object::Ptr& object, const std::string& key);

/// A line of a server as it may go to a terminal: nothing in it that moves the cursor or the like.
std::string printable(const std::string& line);

/// "stopped_gracefully, exit code 0", of ServerView::facts.
std::string describeFacts(const std::map<std::string, std::string>& facts);
/// ", cpu 2 %, memory 20.0 MiB", of `resources`.
std::string describeResources(const Poco::JSON::Object::Ptr& resources);
/// One line on a server from the data of get_status.
std::string describe(const Poco::JSON::Object::Ptr& status);

}  // namespace panel
