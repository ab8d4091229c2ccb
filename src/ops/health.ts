/**
 * Whether the process is alive (`/healthz`) and whether it should receive traffic, with the reasons why not
 * (`/readyz`).
 */
export interface Readiness {
  readonly ready: boolean;
  /** `name: text`, in the order in which they came up. */
  readonly reasons: readonly string[];
  /** The same for what does not keep the server from serving. */
  readonly warnings: readonly string[];
}

export type Health = ReturnType<typeof createHealth>;

export function createHealth() {
  const reasons = new Map<string, string>();
  const warnings = new Map<string, string>();
  const lines = (texts: ReadonlyMap<string, string>): string[] => [...texts].map(([name, text]) => `${name}: ${text}`);

  /** A part gives the reason why it cannot serve; undefined when it can serve again. */
  function setReason(name: string, text: string | undefined): void {
    if (text === undefined) reasons.delete(name);
    else reasons.set(name, text);
  }

  /** What the operator should know, and what keeps no part from serving. */
  function setWarning(name: string, text: string | undefined): void {
    if (text === undefined) warnings.delete(name);
    else warnings.set(name, text);
  }

  return {
    /** An answer is the proof. */
    live: (): boolean => true,
    readiness: (): Readiness => ({
      ready: reasons.size === 0,
      reasons: lines(reasons),
      warnings: lines(warnings),
    }),
    setReason,
    setWarning,
  };
}
