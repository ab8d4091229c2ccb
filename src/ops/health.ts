/** Whether the process lives and whether it should be sent traffic, with the reasons why not: `/healthz` and `/readyz`. */
export interface Readiness {
  readonly ready: boolean;
  /** `name: text`, in the order they came up. */
  readonly reasons: readonly string[];
}

export type Health = ReturnType<typeof createHealth>;

export function createHealth() {
  const reasons = new Map<string, string>();

  /** A part says why it cannot serve, or with undefined that it can again. */
  function setReason(name: string, text: string | undefined): void {
    if (text === undefined) reasons.delete(name);
    else reasons.set(name, text);
  }

  return {
    /** Answering at all is the proof. */
    live: (): boolean => true,
    readiness: (): Readiness => ({
      ready: reasons.size === 0,
      reasons: [...reasons].map(([name, text]) => `${name}: ${text}`),
    }),
    setReason,
  };
}
