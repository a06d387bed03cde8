#include "contract/conformance.h"

namespace control::conform {
namespace {

/// How a pull ended: the error of the call or of its stream.
Result<void> drain(Result<std::unique_ptr<PullStream>> pull, const CallContext& context) {
  if (!pull) return pull.error();
  for (;;) {
    const auto step = (*pull)->next(context);
    if (!step) return step.error();
    if (!*step) return {};
  }
}

MUST(Pull, pull_in_band_error_is_an_error, Capability::kPull, Means::kFault) {
  Faults* const engine = faults();
  if (engine == nullptr) return;
  const auto reference = engine->breakPull(PullCase::kInBandError);
  if (!reference) return skip(engine->whyNot("no pull can be made to fail"));
  auto pull = runtime().pull(*reference, {}, soon());
  ASSERT_OK(pull);
  const auto step = (*pull)->next(soon());
  ASSERT_OK(step);
  EXPECT_TRUE(*step) << "the first word is a step, the error comes after it";
  const auto ended = drain(std::move(pull), soon());
  EXPECT_FALSE(ended) << "the pull failed, and nobody was told";
}

MUST(Pull, pull_missing_tag_is_image_not_found, Capability::kPull, Means::kFault) {
  Faults* const engine = faults();
  if (engine == nullptr) return;
  const auto reference = engine->breakPull(PullCase::kMissingTag);
  if (!reference) return skip(engine->whyNot("no pull can be made to fail"));
  EXPECT_CODE(drain(runtime().pull(*reference, {}, soon()), soon()), kImageNotFound);
  EXPECT_CODE(runtime().findImage(*reference, soon()), kImageNotFound);
}

MUST(Pull, pull_bad_credentials_is_permission_denied, Capability::kPull, Means::kFault) {
  Faults* const engine = faults();
  if (engine == nullptr) return;
  const auto reference = engine->breakPull(PullCase::kBadCredentials);
  if (!reference) return skip(engine->whyNot("no pull can be made to fail"));
  const RegistryCredentials wrong{"registry.test", "user", "wrong"};
  const auto ended = drain(runtime().pull(*reference, {.credentials = wrong}, soon()), soon());
  EXPECT_CODE(ended, kPermissionDenied);
  if (!ended) {
    EXPECT_EQ(ended.error().message.find("user:wrong"), std::string::npos)
        << "the password is told";
  }
}

MUST(Pull, pull_idle_timeout_fires_total_does_not, Capability::kPull, Means::kFault) {
  Faults* const engine = faults();
  if (engine == nullptr) return;
  // Longer in all than the idle timeout; each pause is much shorter.
  const auto slow = engine->breakPull(PullCase::kSlowRegistry);
  if (!slow) return skip(engine->whyNot("no registry can be made slow"));
  EXPECT_OK(drain(runtime().pull(*slow, {.idle_timeout = Faults::kSlowInterval * 7 / 2}, soon()),
                  soon()));
  expectInTime("the pull from a silent registry", [&] {
    const auto silent = engine->breakPull(PullCase::kSilentRegistry);
    EXPECT_TRUE(silent) << "no registry can be made silent";
    const TimePoint begin = now();
    const Duration late = latenessOf(300ms, [&](const CallContext&) {
      EXPECT_CODE(
          drain(runtime().pull(silent.value_or(""), {.idle_timeout = 300ms}, soon()), soon()),
          kUnavailable);
    });
    EXPECT_GE(now() - begin, 300ms);
    if (isVirtual()) {
      EXPECT_LT(now() - begin, 300ms + slack());
    }
    return late;
  });
}

MUST(Pull, image_is_visible_at_once_after_pull, Capability::kPull, Means::kFault,
     Means::kPullable) {
  Faults* const engine = faults();
  if (engine == nullptr) return;
  const auto reference = engine->pullable();
  if (!reference) return skip("no image is named that can be pulled (--pullable)");
  if (!engine->knowsProtocol()) return skip(engine->whyNot("no image can be removed"));
  EXPECT_CODE(runtime().findImage(*reference, soon()), kImageNotFound);
  if (!isMock())
    World::instance().owes(*reference, [name = *reference] { return removeImageFromEngine(name); });
  ASSERT_OK(drain(runtime().pull(*reference, {}, soon()), soon()));
  const auto image = runtime().findImage(*reference, soon());
  ASSERT_OK(image);
  EXPECT_FALSE(image->id.empty());
  ASSERT_TRUE(engine->removeImage(*reference));
  World::instance().owesNoLonger(*reference);
}

}  // namespace
}  // namespace control::conform
