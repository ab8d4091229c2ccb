/**
 * Enhanced authentication, MQTT 5 § 4.12: a method says who a client is after any number of messages to and fro. The
 * broker carries the messages and holds the rules of the packets; a method knows nothing of them.
 */
import type { Authentication, Principal } from "../hooks.ts";

export type AuthenticationStep<P extends Principal> =
  /** The client is to answer this. */
  | { readonly challenge: Uint8Array }
  /** It is who it says; `data` goes with CONNACK, or with the AUTH that ends a re-authentication. */
  | { readonly done: Authentication<P>; readonly data?: Uint8Array | undefined };

export interface AuthenticationExchange<P extends Principal> {
  /** What the client sent, undefined where it sent no data. Bounded by the packet's size; hostile like everything else. */
  next(data: Uint8Array | undefined): Promise<AuthenticationStep<P>>;
}

export interface AuthenticationMethod<P extends Principal> {
  /** `username` is CONNECT's, which the method may ignore. */
  begin(client: { clientId: string; username: string | undefined; address: string }): AuthenticationExchange<P>;
}
