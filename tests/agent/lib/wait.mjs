// Waiting for conditions, with one place that says how patient the tests are.

/** Sanitizer builds are several times slower: upper bounds grow, nothing else does. */
export const slowness = Number(process.env.E2E_SLOWNESS ?? 1);

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Tries `probe` until it gives something truthy; that is returned. */
export async function until(what, probe, ms = 10_000, every = 25) {
  const end = Date.now() + ms * slowness;
  let last;
  for (;;) {
    try {
      const found = await probe();
      if (found) return found;
      last = found;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`no ${what} within ${ms * slowness} ms; last: ${last}`);
    await pause(every);
  }
}
