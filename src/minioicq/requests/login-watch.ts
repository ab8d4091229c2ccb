/** Ends a connection on which no user logs in and nothing arrives. */

export type LoginWatch = ReturnType<typeof createLoginWatch>;

export function createLoginWatch({ idleMs, expired }: { idleMs: number; expired: () => void }) {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let heardSinceCheck = false;

  function start(): void {
    end();
    heardSinceCheck = false;
    timer = setTimeout(() => {
      if (heardSinceCheck) start();
      else expired();
    }, idleMs);
  }

  /** A user logged in, or the connection is gone. */
  function end(): void {
    clearTimeout(timer);
  }

  return {
    start,
    end,
    heard(): void {
      heardSinceCheck = true;
    },
  };
}
