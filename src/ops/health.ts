/**
 * Whether the process is alive (`/healthz`) and whether it should receive traffic, with the reasons why not
 * (`/readyz`).
 */
export interface Readiness {
  readonly ready: boolean;
  /** `name: text`, in the order in which they came up. */
  readonly reasons: readonly string[];
}

export type Health = ReturnType<typeof createHealth>;

export function createHealth() {
  const reasons = new Map<string, string>();

  /** A part gives the reason why it cannot serve; undefined when it can serve again. */
  function setReason(name: string, text: string | undefined): void {
    if (text === undefined) reasons.delete(name);
    else reasons.set(name, text);
  }

  return {
    /** An answer is the proof. */
    live: (): boolean => true,
    readiness: (): Readiness => ({
      ready: reasons.size === 0,
      reasons: [...reasons].map(([name, text]) => `${name}: ${text}`),
    }),
    setReason,
  };
}
