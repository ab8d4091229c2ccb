/** The state of an enhanced authentication on one connection, MQTT 5 § 4.12. */

import type { AuthenticationExchange, AuthenticationStep, Principal } from "../identity.ts";

export class Authenticating {
  /** As CONNECT named it. */
  readonly method: string;
  readonly #begin: () => AuthenticationExchange<Principal>;
  #exchange: AuthenticationExchange<Principal> | undefined;
  #asked: PromiseWithResolvers<Uint8Array | undefined> | undefined;

  constructor(method: string, begin: () => AuthenticationExchange<Principal>) {
    this.method = method;
    this.#begin = begin;
    this.#exchange = begin();
  }

  get underWay(): boolean {
    return this.#exchange !== undefined;
  }

  /** The client was sent a challenge and has not answered. */
  get isAsked(): boolean {
    return this.#asked !== undefined;
  }

  begin(): void {
    this.#exchange = this.#begin();
  }

  end(): void {
    this.#exchange = undefined;
  }

  next(data: Uint8Array | undefined): Promise<AuthenticationStep<Principal>> {
    if (this.#exchange === undefined) throw new Error("no authentication is under way");
    return this.#exchange.next(data);
  }

  /** Resolves with the client's next message; never resolves where none comes. */
  answer(): Promise<Uint8Array | undefined> {
    this.#asked = Promise.withResolvers();
    return this.#asked.promise;
  }

  answered(data: Uint8Array | undefined): void {
    const asked = this.#asked;
    this.#asked = undefined;
    asked?.resolve(data);
  }

  /** The connection is gone, so the exchange stops waiting for the client. */
  abandon(): void {
    this.answered(undefined);
  }
}
