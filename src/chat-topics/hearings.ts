/** Who hears of chats on an MQTT session: its deliverer, a subscriber, which has one for each further form beside it. */
import type { Account } from "../access/accounts.ts";
import type { HearingOf } from "../access/chat-form.ts";
import type { ServiceSession } from "../mqtt/service.ts";
import { jsonForm } from "./push.ts";
import { type Standing, userStanding } from "./standing.ts";
import { Subscriber, type SubscriberParts } from "./subscriber.ts";

/** Undefined for a session without a user, or one that was never opened here. */
export const subscriberOf = ({ deliverer }: ServiceSession<Account>): Subscriber | undefined =>
  deliverer instanceof Subscriber ? deliverer : undefined;

export interface Hearings {
  /** The subscriber in JSON; made, and the session's deliverer, from the first call on. */
  of(session: ServiceSession<Account>, reader: Standing): Subscriber;
  in: HearingOf;
}

export function createHearings(parts: Omit<SubscriberParts, "form">): Hearings {
  const jsonParts = { ...parts, form: jsonForm };

  function of(session: ServiceSession<Account>, reader: Standing): Subscriber {
    const subscriber = subscriberOf(session) ?? new Subscriber(session, reader, jsonParts);
    session.deliverer = subscriber;
    return subscriber;
  }

  return { of, in: (session, userId, form) => of(session, userStanding(session.principal, userId)).in(form) };
}
