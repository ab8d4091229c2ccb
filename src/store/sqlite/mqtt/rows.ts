/** Values as SQLite and JSON know them, and as the broker does. */
import type { StoredSubscription } from "../../../mqtt/store.ts";
import type { Qos } from "../../../mqtt/wire/protocol.ts";

export const qosOf = (qos: number): Qos => (qos === 1 ? 1 : qos === 2 ? 2 : 0);
/** Nothing at QoS 0 is ever queued. */
export const queuedQosOf = (qos: number): 1 | 2 => (qos === 2 ? 2 : 1);

export interface SubscriptionRow {
  readonly filter: string;
  readonly qos: number;
  readonly options: number;
  readonly subscriptionId: number | null;
}

export const toSubscription = ({ filter, qos, options, subscriptionId }: SubscriptionRow): StoredSubscription => ({
  filter,
  qos: qosOf(qos),
  options,
  subscriptionId: subscriptionId ?? undefined,
});
