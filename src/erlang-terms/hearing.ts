/**
 * Which sessions hear of chats in Erlang terms, and by which filters: what their clients subscribed to, and everything once
 * a log-in by phone asked for more than the three documents have.
 */
import type { Account } from "../access/accounts.ts";
import type { ChatForm, ChatHearing, HearingOf } from "../access/chat-form.ts";
import type { PhoneSessions } from "../domain/phones/phone-sessions.ts";
import type { ServiceSession } from "../mqtt/service.ts";
import type { TermClient } from "./client.ts";
import { hearingFilters, parseHearing } from "./records/feeds.ts";

/** Messages come at QoS 1: the position of the session counts what its client has. */
const hearingQos = 1;

export type TermHearing = ReturnType<typeof createTermHearing>;

export function createTermHearing(parts: {
  form: ChatForm;
  hearingOf: HearingOf;
  clientOf(session: ServiceSession<Account>): TermClient;
  phoneSessions: Pick<PhoneSessions, "hearChats">;
}) {
  const { form, hearingOf, clientOf, phoneSessions } = parts;
  /** Of sessions with such a filter. */
  const hearings = new WeakMap<ServiceSession<Account>, ChatHearing>();

  function subscribed(session: ServiceSession<Account>, filter: string, qos: number): ChatHearing | undefined {
    const asked = parseHearing(filter);
    const { userId } = session.principal;
    if (asked === undefined || userId === undefined) return undefined;
    const hearing = hearings.get(session) ?? hearingOf(session, userId, form);
    hearings.set(session, hearing);
    hearing.open();
    hearing.subscribe(filter, asked, qos > 0 ? 1 : 0);
    return hearing;
  }

  /** A client of a log-in that hears of chats is there. Resolves when it does. */
  async function listen(session: ServiceSession<Account>): Promise<void> {
    const client = clientOf(session);
    const { userId, phoneLogin } = session.principal;
    // Others hear what they subscribe to.
    if (phoneLogin === undefined || userId === undefined || userId !== client.phoneSession?.userId) return;
    const listening = hearingFilters
      .filter((filter) => client.wants(filter) && session.qosOf(filter) === undefined)
      .map((filter) => {
        const stored = session.listen(filter, hearingQos);
        const hearing = subscribed(session, filter, hearingQos);
        return Promise.all([stored, hearing?.started()]);
      });
    await Promise.all(listening);
  }

  /** The client asks for what only clients ask for that know of chats. */
  async function begin(session: ServiceSession<Account>): Promise<void> {
    const client = clientOf(session);
    const { phoneSession } = client;
    if (phoneSession === undefined) return;
    if (!phoneSession.hearsChats) {
      await phoneSessions.hearChats(phoneSession);
      client.phoneSession = { ...phoneSession, hearsChats: true };
    }
    await listen(session);
  }

  return {
    begin,
    listen,
    subscribed,
    unsubscribed: (session: ServiceSession<Account>, filter: string): void =>
      hearings.get(session)?.unsubscribe(filter),
    closed: (session: ServiceSession<Account>): void => hearings.get(session)?.close(),
    /** The session may be older than a restart and never have been opened here. */
    ended(session: ServiceSession<Account>): void {
      const { userId } = session.principal;
      if (userId !== undefined) void hearingOf(session, userId, form).endDevice();
    },
  };
}
