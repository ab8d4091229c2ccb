/**
 * Answers "May X publish Y?" in words for the operator, by the rules that the broker asks (`identity.ts`, and those of
 * the services).
 */

import type { Domain } from "../domain/domain.ts";
import { isReservedUserKey, safeInteger } from "../domain/keys.ts";
import type { User } from "../domain/model.ts";
import { isTopicFilter, isTopicName } from "../mqtt/wire/topic-names.ts";
import type { Admins, Anonymous } from "./accounts.ts";
import { type Decision, decideForDevice, fillIn, no, yes } from "./permissions.ts";
import { isReserved, isSys } from "./reserved-topics.ts";

export interface PermissionQuestion {
  /** A device's name, a username, `user.<userId>` or a bare userId. */
  readonly name: string;
  readonly action: "publish" | "subscribe";
  readonly topic: string;
  readonly clientId: string | undefined;
}

/** What a service says of its topics when the operator asks. */
export interface TopicPermissions {
  /** Whether the service sends a user anything that a filter covers. */
  serves(filter: string): boolean;
  /** Undefined where the topic is not the service's. */
  decide(user: User, action: "publish" | "subscribe", topic: string): Decision | Promise<Decision> | undefined;
}

/** Undefined where no account has the name. */
export type PermissionCheck = (question: PermissionQuestion) => Promise<Decision | undefined>;

export function createPermissionCheck(parts: {
  domain: Domain;
  admins: Admins;
  anonymous: Anonymous;
  services: readonly TopicPermissions[];
}): PermissionCheck {
  const { domain, admins, anonymous, services } = parts;

  /** A user's `#` covers chats too. */
  const servedToo = (filter: string): boolean => services.some((service) => service.serves(filter));

  async function check({ name, action, topic, clientId }: PermissionQuestion): Promise<Decision | undefined> {
    const device = domain.devices.find(name);
    const user = device === undefined ? await findUser(name) : undefined;
    if (device === undefined && user === undefined) return undefined;
    const decide = (of: string) => {
      if (device !== undefined) return decideForDevice(fillIn(device, { name, clientId }), action, of);
      return user === undefined ? undefined : decideForUser(user, action, of);
    };
    if (action === "publish") return isTopicName(topic) ? decide(topic) : no("it is no topic to publish to");
    const shared = /^\$share\/[^/+#]+\/(.+)$/su.exec(topic)?.[1];
    const filter = shared ?? topic;
    if (!isTopicFilter(filter) || (shared === undefined && /^\$share(?:\/|$)/.test(topic))) {
      return no("it is no topic filter");
    }
    if (shared !== undefined && (isReserved(filter) || (user !== undefined && servedToo(filter)))) {
      return no("what the server's services deliver is not shared");
    }
    return decide(filter);
  }

  async function decideForUser(user: User, action: "publish" | "subscribe", topic: string): Promise<Decision> {
    if (user.disabled) return no("the user is disabled");
    if (!isReserved(topic)) return yes("users may use everything outside the reserved prefixes");
    if (isSys(topic)) {
      if (action === "publish") return no("no client publishes to $SYS");
      if (admins(user)) return yes("the user is an admin (admins)");
      return anonymous === "full" ? yes("the broker is open (mqtt.anonymous = full)") : no("only admins read $SYS");
    }
    for (const service of services) {
      const decision = service.decide(user, action, topic);
      if (decision !== undefined) return decision;
    }
    return no("the topic is reserved for the server's services");
  }

  async function findUser(name: string): Promise<User | undefined> {
    const named = await domain.store.findUserByKey(name);
    if (named !== undefined || isReservedUserKey(name)) return named;
    const userId = safeInteger(name);
    return userId === undefined ? undefined : domain.store.findUser(userId);
  }

  return check;
}
