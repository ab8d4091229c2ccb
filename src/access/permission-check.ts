/**
 * Answers "May X publish Y?" in words for the operator, by the rules that the broker asks (`identity.ts`, and those of
 * the services).
 */

import type { Domain } from "../domain/domain.ts";
import { isReservedUserKey, safeInteger } from "../domain/keys.ts";
import type { User } from "../domain/model.ts";
import type { Admins } from "../domain/people/admins.ts";
import type { Device } from "../domain/people/devices.ts";
import type { Grant } from "../domain/people/scope-rules.ts";
import { isTopicFilter, isTopicName } from "../mqtt/wire/topic-names.ts";
import { type Anonymous, deviceAccount, userAccount } from "./accounts.ts";
import { type Decision, decide, no, yes } from "./permissions.ts";
import { isReserved, isSys } from "./reserved-topics.ts";
import type { Rights } from "./rights.ts";

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
  decide(
    user: User,
    action: "publish" | "subscribe",
    topic: string,
    /** What the client may do in chats, where it is a device that is a member of some. */
    limit: Grant,
  ): Decision | Promise<Decision> | undefined;
}

/** Undefined where no account has the name. */
export type PermissionCheck = (question: PermissionQuestion) => Promise<Decision | undefined>;

export function createPermissionCheck(parts: {
  domain: Domain;
  rights: Rights;
  admins: Admins;
  anonymous: Anonymous;
  services: readonly TopicPermissions[];
}): PermissionCheck {
  const { domain, rights, admins, anonymous, services } = parts;

  /** A user's `#` covers chats too. */
  const servedToo = (filter: string): boolean => services.some((service) => service.serves(filter));

  async function check({ name, action, topic, clientId }: PermissionQuestion): Promise<Decision | undefined> {
    const device = domain.devices.find(name);
    const user = device === undefined ? await findUser(name) : undefined;
    if (device === undefined && user === undefined) return undefined;
    const decideFor = (of: string) => {
      if (device !== undefined) return decideForDevice(device, { action, topic: of, clientId });
      return user === undefined ? undefined : decideForUser(user, action, of);
    };
    if (action === "publish") return isTopicName(topic) ? decideFor(topic) : no("it is no topic to publish to");
    const shared = /^\$share\/[^/+#]+\/(.+)$/su.exec(topic)?.[1];
    const filter = shared ?? topic;
    if (!isTopicFilter(filter) || (shared === undefined && /^\$share(?:\/|$)/.test(topic))) {
      return no("it is no topic filter");
    }
    if (shared !== undefined && (isReserved(filter) || ((user ?? device?.member) !== undefined && servedToo(filter)))) {
      return no("what the server's services deliver is not shared");
    }
    return decideFor(filter);
  }

  /** A device is a member of chats itself; or it writes to chats in the name of its user, and hears nothing of them. */
  async function decideForDevice(
    device: Device,
    { action, topic, clientId }: Omit<PermissionQuestion, "name">,
  ): Promise<Decision> {
    const { member } = device;
    if (member !== undefined) {
      const itself = await domain.store.findUser(member.userId);
      const decided = itself && (await decideByService(itself, action, topic, member));
      const ordinary = decide(rights.of(deviceAccount(device, { clientId })), action, topic);
      return decided === undefined || (ordinary.allowed && !isReserved(topic)) ? ordinary : decided;
    }
    const user = device.userId === undefined ? undefined : await domain.store.findUser(device.userId);
    const served = action === "publish" && user !== undefined ? await decideByService(user, action, topic) : undefined;
    if (served === undefined) return decide(rights.of(deviceAccount(device, { clientId })), action, topic);
    return user?.disabled ? no("its user is disabled") : { ...served, why: `for ${user?.userKey}, ${served.why}` };
  }

  async function decideForUser(user: User, action: "publish" | "subscribe", topic: string): Promise<Decision> {
    if (user.disabled) return no("the user is disabled");
    const decision = decide(rights.of(userAccount(user.userId)), action, topic);
    if (!isReserved(topic)) {
      if (decision.allowed || action === "publish" || !servedToo(topic)) return decision;
      return yes("it covers chats, and of the other topics those are delivered that the user may hear");
    }
    if (isSys(topic)) {
      if (action === "publish" || decision.allowed) return decision;
      if (admins(user)) return yes("the user is an admin (admins)");
      return anonymous === "full" ? yes("the broker is open (mqtt.anonymous = full)") : decision;
    }
    return (await decideByService(user, action, topic)) ?? decision;
  }

  async function decideByService(
    user: User,
    action: "publish" | "subscribe",
    topic: string,
    limit?: Grant,
  ): Promise<Decision | undefined> {
    for (const service of services) {
      const served = service.decide(user, action, topic, limit);
      if (served !== undefined) return served;
    }
    return undefined;
  }

  async function findUser(name: string): Promise<User | undefined> {
    const named = await domain.store.findUserByKey(name);
    if (named !== undefined || isReservedUserKey(name)) return named;
    const userId = safeInteger(name);
    return userId === undefined ? undefined : domain.store.findUser(userId);
  }

  return check;
}
