/** Connected clients of all doors, as the operator lists and ends them. */
import type { UserId } from "../model.ts";

export interface ListedClient {
  readonly door: "mqtt" | "minioicq" | "rest";
  /** Undefined for a client without an account. */
  readonly account: { readonly userId: UserId } | { readonly device: string } | undefined;
  /** As the client names itself. */
  readonly clientId: string | undefined;
  readonly address: string;
  /** For how long it has been connected; undefined where that is not known, as below. */
  readonly connectedMs: number | undefined;
  /** For how long it has sent nothing. */
  readonly idleMs: number | undefined;
  /** Such as `MQTT 3.1.1`. */
  readonly protocol: string;
  readonly subscriptions: number | undefined;
  /** Messages that wait for it in the broker. */
  readonly queued: number | undefined;
  /** Closes its connection. It may come back. */
  end(): void;
}
