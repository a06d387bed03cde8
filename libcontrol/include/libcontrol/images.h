#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <libcontrol/call.h>
#include <libcontrol/result.h>
#include <libcontrol/types.h>

namespace control {

/// The images on an engine's host, beyond what running containers needs. An engine that has it
/// gives it by `runtime.extension<ImageStore>()`; null: it does not.
///
/// Threads, blocking and errors: as ContainerRuntime, to which it belongs.
class ImageStore {
 public:
  static constexpr std::string_view kExtensionName = "control.images.1";

  /// All images, also those without a name. `stop_signal` is not told here; findImage() does.
  virtual Result<std::vector<ImageInfo>> listImages(const CallContext& context) = 0;

  /// Takes the name from an image; one without names left, and without containers, is removed.
  /// An absent image is an outcome. kWrongState: a container, running or not, is made from it, and
  /// it has no other name. kInvalidArgument: not a reference.
  virtual Result<RemoveOutcome> removeImage(const std::string& reference,
                                            const CallContext& context) = 0;

 protected:
  ~ImageStore() = default;
};

}  // namespace control
