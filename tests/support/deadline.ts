/** Long for a machine that does many things at once: a wait that succeeds ends early. */
const longMs = 15_000;

/** Waiting with an end, so that a test that would hang says what it was waiting for. */
export async function withDeadline<T>(what: string, work: Promise<T>, ms = longMs): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${ms} ms: ${what}`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** For so long a condition is looked at in every turn of the event loop, and then every millisecond. */
const eagerMs = 3;

/** Waits until `condition` holds. A wait that is not over soon leaves the processor to what it waits for. */
export async function until(what: string, condition: () => boolean, ms = longMs): Promise<void> {
  const begin = performance.now();
  while (!condition()) {
    const waited = performance.now() - begin;
    if (waited > ms) throw new Error(`not within ${ms} ms: ${what}`);
    if (waited < eagerMs) await new Promise((resolve) => setImmediate(resolve));
    else await Bun.sleep(1);
  }
}
