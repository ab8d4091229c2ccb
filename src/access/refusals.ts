/** What MQTT clients are refused, in words for the operator's log: who it was, and what would allow it. */
import type { DomainError } from "../domain/errors.ts";
import { nameOfUser, type Reason, type Refusals, type Who } from "../domain/people/refusals.ts";
import type { BrokersReason, Refusal } from "../mqtt/identity.ts";
import type { Account, Accounts, Anonymous } from "./accounts.ts";
import { decide } from "./permissions.ts";
import { isReserved, isSys, withoutToken } from "./reserved-topics.ts";
import type { Rights } from "./rights.ts";
import { opensTopic } from "./topic-scopes.ts";

export type RefusalNotes = ReturnType<typeof createRefusalNotes>;

export function createRefusalNotes(parts: {
  refusals: Refusals;
  rights: Pick<Rights, "of">;
  anonymous: Anonymous;
  accounts: Pick<Accounts, "findUserNow">;
}) {
  const { refusals, rights, anonymous, accounts } = parts;

  function whoOf({ device, userId }: Account): Who {
    if (device !== undefined) return { device: device.name };
    const user = userId === undefined ? undefined : accounts.findUserNow(userId);
    return user === undefined ? { stranger: undefined } : { user };
  }

  function nameOf(account: Account): string {
    const who = whoOf(account);
    if ("device" in who) return `device ${who.device}`;
    return "user" in who ? nameOfUser(who.user) : "anonymous";
  }

  /** What the broker refused. */
  function refused({ principal, asked, topic, clientId, address, reason }: Refusal<Account>): void {
    refusals.note({
      door: "mqtt",
      asked,
      who: principal === undefined ? { stranger: undefined } : whoOf(principal),
      address,
      clientId,
      topic: topic === undefined ? undefined : withoutToken(topic),
      reason: reason === undefined ? notAuthorized(principal, asked, topic ?? "") : ofBroker(reason),
    });
  }

  /** What a service refused for a code of the domain, or in words. */
  function refusedByService(
    { principal, clientId, address }: { principal: Account; clientId: string; address: string },
    topic: string,
    reason: DomainError | Reason,
  ): void {
    const who = whoOf(principal);
    refusals.note({ door: "mqtt", asked: "publish", who, address, clientId, topic: withoutToken(topic), reason });
  }

  /** A log-in, by CONNECT or AUTH. */
  function logInRefused(
    { clientId, address }: { clientId: string; address: string },
    who: Who,
    reason: DomainError | Reason,
  ): void {
    refusals.note({ door: "mqtt", asked: "connect", who, address, clientId: clientId || undefined, reason });
  }

  function notAuthorized(account: Account | undefined, asked: Refusal["asked"], topic: string): Reason {
    const device = account?.device;
    const user = account?.userId === undefined ? undefined : accounts.findUserNow(account.userId);
    if (account === undefined || (device === undefined && user === undefined)) return withoutLogIn(topic);
    const action = asked === "publish" ? "publish" : "subscribe";
    const { scoped } = account;
    if (scoped !== undefined && !opensTopic(scoped.scopes, action, topic)) return outOfScope(scoped.tokenId);
    const permissions = rights.of(account);
    const { why } = decide(permissions, action, topic);
    const command = device === undefined ? `roost user topics ${user?.userKey}` : `roost device set ${device.name}`;
    if (isSys(topic)) {
      const allow =
        device === undefined ? `admins, or ${command} --subscribe '$SYS/#'` : `${command} --subscribe '$SYS/#'`;
      return { why, allow: action === "publish" ? undefined : allow };
    }
    if (isReserved(topic)) return { why, allow: undefined };
    const hasPatterns = permissions.why === undefined;
    const replace = `${command} --${action} PATTERN${hasPatterns ? " replaces its patterns" : ""}`;
    return {
      why,
      allow: device === undefined && !hasPatterns ? `${replace}, or roost user trust ${user?.userKey}` : replace,
    };
  }

  const outOfScope = (tokenId: string): Reason => ({
    why: `the scopes of the token ${tokenId} do not name the topic`,
    allow: "a token with another scope: roost token add makes one",
  });

  function withoutLogIn(topic: string): Reason {
    const logIn = "a user name and a password: roost user add NAME makes a user";
    if (isReserved(topic)) return { why: "a client without a log-in has no part in this topic", allow: logIn };
    const open = anonymous === "full" ? "" : '; in a trusted network mqtt.anonymous = "full"';
    return { why: "a client without a log-in may not use ordinary topics", allow: `${logIn}${open}` };
  }

  return { nameOf, refused, refusedByService, logInRefused };
}

const settingOf: Readonly<Record<NonNullable<BrokersReason["limit"]>, string>> = {
  connections: "limits.mqtt_connections",
  connectionsPerAddress: "limits.mqtt_connections_per_address",
  connectsPerAddressSecond: "limits.mqtt_connects_per_address_second",
  sessionsPerPrincipal: "limits.mqtt_sessions_per_user",
  subscriptions: "limits.mqtt_subscriptions, limits.mqtt_subscription_bytes_per_session, …_per_user",
  topic: "limits.mqtt_topic_bytes, limits.mqtt_topic_levels",
};

const ofBroker = ({ text, limit, command }: BrokersReason): Reason => {
  const ways = [limit === undefined ? undefined : settingOf[limit], command].filter((way) => way !== undefined);
  return { why: text, allow: ways.length === 0 ? undefined : ways.join(", or ") };
};
