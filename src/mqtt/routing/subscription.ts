/** What a session asked for with one filter, and who serves it. */

import type { Authorize } from "../identity.ts";
import type { ServiceSession, SubscribeAnswer } from "../service.ts";
import { refused, type Services, type Serving } from "../services.ts";
import { noLocalBit, retainAsPublishedBit } from "../wire/codec.ts";
import type { Qos } from "../wire/protocol.ts";

export interface Subscription {
  readonly qos: Qos;
  /** MQTT 5 § 3.8.3.1: No Local, Retain As Published and Retain Handling, in their bit positions. */
  readonly options: number;
  readonly subscriptionId: number | undefined;
  /** True where the filter is in the broker's tree; otherwise a service serves it. */
  readonly routed: boolean;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
}

/** Whether a filter is in the broker's tree. */
export const isRouted = (answer: SubscribeAnswer): boolean => answer === "none" || answer === "both";

/**
 * Gives who serves a filter as it was subscribed to, or that the session may not have it. Of a filter that a service
 * serves in part, such as `#`, the rest is delivered as far as the principal may hear it.
 */
export function servingOf(
  parts: { readonly services: Pick<Services, "serving">; readonly authorize: Authorize },
  session: ServiceSession,
  filter: string,
): Serving {
  const serving = storedServingOf(parts, session, filter);
  if (serving.answer !== "none") return serving;
  const shared = parseShared(filter);
  const named = typeof shared === "object" ? shared.filter : filter;
  return parts.authorize(session.principal, "subscribe", named) ? serving : refused;
}

/**
 * The same for a subscription that was allowed once. It stays: whatever its session may hear when a message comes is
 * delivered.
 */
export function storedServingOf(
  { services }: { readonly services: Pick<Services, "serving"> },
  session: ServiceSession,
  filter: string,
): Serving {
  const shared = parseShared(filter);
  if (shared === "malformed") return refused;
  const serving = services.serving(session, shared?.filter ?? filter);
  // What a service sends to one client cannot be shared.
  return shared !== undefined && serving.answer !== "none" ? refused : serving;
}

type Parts = Omit<Subscription, "noLocal" | "retainAsPublished">;

/** Most subscriptions have only a QoS: equal ones are one object. */
const plain = new Map<number, Subscription>();

export function subscriptionOf(parts: Parts): Subscription {
  if (parts.subscriptionId !== undefined) return make(parts);
  const key = (parts.options << 3) | (parts.qos << 1) | (parts.routed ? 1 : 0);
  let shared = plain.get(key);
  if (shared === undefined) {
    shared = make(parts);
    plain.set(key, shared);
  }
  return shared;
}

function make({ qos, options, subscriptionId, routed }: Parts): Subscription {
  return {
    qos,
    options,
    subscriptionId,
    routed,
    noLocal: (options & noLocalBit) !== 0,
    retainAsPublished: (options & retainAsPublishedBit) !== 0,
  };
}

/** `$share/{ShareName}/{filter}`, MQTT 5 § 4.8.2; also for clients of earlier versions. */
export interface SharedFilter {
  readonly shareName: string;
  readonly filter: string;
}

const sharePrefix = "$share/";

/**
 * Undefined: not a shared filter. "malformed": an empty share name or one with wildcards, or no filter [MQTT-4.8.2-1]
 * [MQTT-4.8.2-2].
 */
export function parseShared(filter: string): SharedFilter | "malformed" | undefined {
  if (!filter.startsWith(sharePrefix)) return filter === "$share" ? "malformed" : undefined;
  const slash = filter.indexOf("/", sharePrefix.length);
  if (slash <= sharePrefix.length || slash === filter.length - 1) return "malformed";
  const shareName = filter.slice(sharePrefix.length, slash);
  return /[+#]/.test(shareName) ? "malformed" : { shareName, filter: filter.slice(slash + 1) };
}
