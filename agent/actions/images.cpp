#include <libcontrol/images.h>

#include "agent/actions/action.h"
#include "agent/actions/create_payload.h"
#include "agent/actions/registry_auth.h"
#include "agent/panel/message.h"

namespace agent {
namespace {

using control::ErrorCode;

constexpr control::Duration kTimeout = std::chrono::seconds(60);

control::ImageStore& storeOf(const Services& services) {
  auto* const store = services.runtime.extension<control::ImageStore>();
  if (store == nullptr)
    throw Refusal("RUNTIME_UNAVAILABLE",
                  "the engine is not reachable, or cannot list and remove images");
  return *store;
}

control::CallContext contextOf(const Services& services, std::stop_token stop) {
  auto context = control::CallContext::within(kTimeout, services.runtime.clock());
  context.cancellation = std::move(stop);
  return context;
}

}  // namespace

void describePull(const Command& command, Operation& operation) {
  operation.image = readImage(command.fields());
  operation.server_id.clear();
}

control::Result<void> pullImage(Services& services, const Command& command,
                                const std::string& operation_id) {
  const std::string image = readImage(command.fields());
  requireAllowedImage(services.config.policy, image);
  return services.supervisor.pull(image, pullOptionsFor(services.config, image), operation_id);
}

Json listImages(Services& services, const Command&, std::stop_token stop) {
  const auto images = storeOf(services).listImages(contextOf(services, std::move(stop)));
  if (!images) throw requestRefusal(images.error(), "", services.paths());
  Json list = Json::array();
  for (const control::ImageInfo& image : *images) {
    Json references = Json::array();
    bool removable = false;
    for (const std::string& reference : image.references) {
      references.add(reference);
      removable = removable || services.pulled.contains(reference);
    }
    Json one;
    one.set("id", image.id).set("references", std::move(references));
    one.set("sizeBytes", image.size_bytes).set("removable", removable);
    list.add(std::move(one));
  }
  Json data;
  data.set("images", std::move(list));
  return data;
}

Json removeImage(Services& services, const Command& command, std::stop_token stop) {
  const std::string image = readImage(command.fields());
  if (!services.pulled.contains(image))
    throw Refusal("POLICY_VIOLATION",
                  "image '" + image +
                      "' was not pulled by this agent; only such images can be removed, by the "
                      "name they were pulled by");
  const auto removed = storeOf(services).removeImage(image, contextOf(services, std::move(stop)));
  if (!removed && removed.error().code == ErrorCode::kWrongState)
    throw Refusal("INVALID_STATE", "image '" + image + "' is used by a container");
  if (!removed) throw requestRefusal(removed.error(), "", services.paths());
  services.pulled.forget(image);
  Json data;
  data.set("image", image).set("removed", *removed == control::RemoveOutcome::kRemoved);
  return data;
}

Json pruneImages(Services& services, const Command&, std::stop_token stop) {
  control::ImageStore& store = storeOf(services);
  const control::CallContext context = contextOf(services, std::move(stop));
  Json removed = Json::array();
  Json in_use = Json::array();
  Json failed = Json::array();
  std::optional<Refusal> first;
  for (const std::string& image : services.pulled.all()) {
    const auto outcome = store.removeImage(image, context);
    const bool is_used = !outcome && outcome.error().is(ErrorCode::kWrongState);
    if (!outcome && !is_used) {
      const Refusal refusal = requestRefusal(outcome.error(), "", services.paths());
      Json one;
      one.set("image", image).set("error", encodeError(refusal.code(), refusal.message()));
      failed.add(std::move(one));
      if (!first) first = refusal;
      continue;
    }
    if (outcome) services.pulled.forget(image);
    (outcome ? removed : in_use).add(image);
  }
  if (first && removed.elements()->empty() && in_use.elements()->empty()) throw *first;
  Json data;
  data.set("removed", std::move(removed)).set("inUse", std::move(in_use));
  if (first) data.set("failed", std::move(failed));
  return data;
}

}  // namespace agent
