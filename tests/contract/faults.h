#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <libcontrol/runtime.h>

namespace control::testing {
class MockControl;
}

namespace control::conform {

/// A name that no extension has.
inline constexpr std::string_view kNoExtension = "control.conform.no-such-extension";

/// The controls of the mock engine; null for any other, also one that answers to every name.
testing::MockControl* mockOf(ContainerRuntime& runtime);

/// What goes wrong with a pull.
enum class PullCase { kMissingTag, kBadCredentials, kInBandError, kSilentRegistry, kSlowRegistry };

/// What changes something of a container.
enum class ChangingCall { kCreate, kStart, kSignal, kRemove, kUpdate };

/// How a test makes an engine fail. What an engine gives no means for answers false or nothing:
/// the behaviour cannot be shown there.
///
/// On the mock engine it is its control interface; on an engine behind a Unix socket a proxy stands
/// between the plugin and the engine. It cuts and holds connections of any engine; for the rest
/// the engine has to speak Docker's HTTP API.
///
/// Threads: one.
class Faults {
 public:
  virtual ~Faults() = default;

  /// Null: nothing can be made to fail, and whyNone() says why.
  static std::unique_ptr<Faults> make(const std::shared_ptr<ContainerRuntime>& runtime);
  static std::string whyNone();

  /// Whether more can be done than to cut and to hold connections.
  virtual bool knowsProtocol() = 0;
  /// A sentence that begins with what cannot be done.
  std::string whyNot(const std::string& what);

  /// The URI of the engine that is about to fail: the runtime under test is opened there.
  virtual std::string uri() const = 0;

  /// The connection to the engine is lost, and it cannot be reached.
  virtual void goDown() = 0;
  virtual void comeBack() = 0;

  /// The engine does not answer calls on this container, until release().
  virtual bool hang(ContainerRuntime& runtime, const ContainerId& id) = 0;
  /// The engine answers nothing, until release(); on the mock engine that is the next call alone.
  virtual bool hangCalls() = 0;
  virtual void release(ContainerRuntime& runtime, const ContainerId& id) = 0;

  /// The next such call is done, and its caller never hears of it.
  virtual bool loseAnswerTo(ChangingCall call) = 0;
  /// It was.
  virtual bool hasLostAnswer() = 0;

  /// From now on the engine calls the state "running" of this container `sailing`.
  virtual bool inventState(const ContainerId& id) = 0;
  static constexpr const char* kInventedState = "sailing";

  /// The engine reports an event of this type: at once, or in place of the next start.
  virtual bool inventEvent(const ContainerId& id) = 0;
  static constexpr const char* kInventedEvent = "stray";

  /// Stops the processes of a container, as another client of the engine.
  virtual bool pause(const ContainerId& id) = 0;
  /// As another client of the engine.
  virtual bool removeVolume(const std::string& name) = 0;

  /// From now on, each event that a subscription with that text in its filter is about to get comes
  /// so many times.
  virtual bool multiplyEvents(const std::string& filter_text, int times) = 0;

  /// A reference whose pull goes wrong in that way. A slow registry sends a word every
  /// kSlowInterval, five in all.
  static constexpr std::chrono::milliseconds kSlowInterval{800};
  virtual std::optional<std::string> breakPull(PullCase which) = 0;

  /// A reference that is not here and can be pulled.
  virtual std::optional<std::string> pullable() = 0;
  /// As another client of the engine.
  virtual bool removeImage(const std::string& reference) = 0;
};

/// The same removals for whoever has no Faults, where the engine is behind a Unix socket.
bool removeVolumeFromEngine(const std::string& name);
bool removeImageFromEngine(const std::string& reference);

}  // namespace control::conform
