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

/** Waits until `condition` holds, looking at it every turn of the event loop. */
export async function until(what: string, condition: () => boolean, ms = longMs): Promise<void> {
  const end = performance.now() + ms;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
