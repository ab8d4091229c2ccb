/**
 * Sessions by (principal, client id). Two sessions rarely share a client id, so the client id is the key: a string of
 * both would be one more in memory for every client.
 */
import type { Session } from "./session.ts";

export class SessionIndex {
  count = 0;
  /** The one session, or several by the keys of their principals. */
  readonly #byClientId = new Map<string, Session | Map<string, Session>>();

  find(principalKey: string, clientId: string): Session | undefined {
    const found = this.#byClientId.get(clientId);
    if (found instanceof Map) return found.get(principalKey);
    return found?.principal.key === principalKey ? found : undefined;
  }

  /** The index must not have a session of the same names. */
  add(session: Session): void {
    const { clientId } = session;
    const there = this.#byClientId.get(clientId);
    if (there === undefined) this.#byClientId.set(clientId, session);
    else if (there instanceof Map) there.set(session.principal.key, session);
    else {
      const both = [there, session].map((one) => [one.principal.key, one] as const);
      this.#byClientId.set(clientId, new Map(both));
    }
    this.count++;
  }

  /** False if the session is not in the index. */
  remove(session: Session): boolean {
    const { clientId, principal } = session;
    const there = this.#byClientId.get(clientId);
    if (there instanceof Map) {
      if (there.get(principal.key) !== session) return false;
      there.delete(principal.key);
      if (there.size === 0) this.#byClientId.delete(clientId);
    } else if (there === session) this.#byClientId.delete(clientId);
    else return false;
    this.count--;
    return true;
  }

  *[Symbol.iterator](): Generator<Session> {
    for (const found of this.#byClientId.values()) {
      if (found instanceof Map) yield* found.values();
      else yield found;
    }
  }
}
