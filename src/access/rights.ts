/**
 * What an account may do with ordinary MQTT topics, as patterns: its own and those of its groups. Without any of them,
 * devices and users whom the operator made may use everything, and all other users nothing. The patterns of accounts
 * that were asked for are kept until any of them changes.
 */
import type { Events } from "../delivery/events.ts";
import type { MadeBy, UserId } from "../domain/model.ts";
import type { Devices } from "../domain/people/devices.ts";
import type { OwnerTopics } from "../domain/people/topic-store.ts";
import { type Account, type Anonymous, type DeviceAccount, devicePrincipalKey, userPrincipalKey } from "./accounts.ts";
import { fillIn, type PatternValues, type Permissions } from "./permissions.ts";

/** Users whose patterns are kept at a time. */
const usersMax = 100_000;

export interface RightsParts {
  readonly devices: Pick<Devices, "find" | "version">;
  readonly anonymous: Anonymous;
  /** Plain, synchronous reads. */
  findTopicsNow(ownerKey: string): OwnerTopics;
  findUserNow(userId: number): { readonly userKey: string } | undefined;
  readonly events: Pick<Events, "on">;
}

export type Rights = ReturnType<typeof createRights>;

const everything: Permissions = { publish: undefined, subscribe: undefined, why: undefined };
const nothing: Permissions = { publish: [], subscribe: [], why: undefined };

export function createRights(parts: RightsParts) {
  const { devices } = parts;
  const ofUsers = new Map<UserId, Permissions>();
  let changes = 0;
  let kept = -1;

  /** Changes whenever the rights of an account change. */
  const version = (): number => changes + devices.version();

  parts.events.on("topics.changed", () => {
    changes += 1;
  });

  function of({ userId, device }: Pick<Account, "userId" | "device">): Permissions {
    if (device !== undefined) return ofDevice(device);
    return userId === undefined ? nothing : ofUser(userId);
  }

  function ofUser(userId: UserId): Permissions {
    if (kept !== version()) {
      ofUsers.clear();
      kept = version();
    }
    let known = ofUsers.get(userId);
    if (known === undefined) {
      known = readUser(userId);
      if (ofUsers.size >= usersMax) ofUsers.clear();
      ofUsers.set(userId, known);
    }
    return known;
  }

  function readUser(userId: UserId): Permissions {
    const { madeBy, own, groups } = parts.findTopicsNow(userPrincipalKey(userId));
    const user = madeBy === undefined ? undefined : parts.findUserNow(userId);
    if (madeBy === undefined || user === undefined) return nothing;
    const lists = own === undefined ? groups : [own, ...groups];
    if (lists.length > 0) return joined(lists, { name: user.userKey, clientId: undefined });
    return withoutPatterns(madeBy);
  }

  /** An open broker gives a client without credentials everything, so it gives that to every user. */
  function withoutPatterns(madeBy: MadeBy): Permissions {
    if (madeBy === "operator") return { ...everything, why: "the user was made by the operator and has no patterns" };
    if (parts.anonymous === "full") return { ...everything, why: "the broker is open (mqtt.anonymous = full)" };
    return {
      ...nothing,
      why: `the user ${howMade[madeBy]} and has no patterns; roost user topics or roost user trust gives some`,
    };
  }

  /** Nothing for a device that was revoked. */
  function ofDevice(account: DeviceAccount): Permissions {
    const now = version();
    if (account.rights?.version !== now) account.rights = { version: now, permissions: readDevice(account) };
    return account.rights.permissions;
  }

  function readDevice({ name, incarnation, clientId }: DeviceAccount): Permissions {
    const record = devices.find(name);
    if (record?.incarnation !== incarnation) return nothing;
    const { publish, subscribe } = record;
    const { groups } = parts.findTopicsNow(devicePrincipalKey(name));
    const own = publish === undefined || subscribe === undefined ? [] : [{ publish, subscribe }];
    const lists = [...own, ...groups];
    return lists.length > 0 ? joined(lists, { name, clientId }) : { ...everything, why: "the device has no patterns" };
  }

  return { of, version };
}

function joined(lists: readonly { publish: readonly string[]; subscribe: readonly string[] }[], values: PatternValues) {
  return fillIn(
    { publish: lists.flatMap((list) => list.publish), subscribe: lists.flatMap((list) => list.subscribe) },
    values,
  );
}

const howMade: Readonly<Record<Exclude<MadeBy, "operator">, string>> = {
  registered: "registered without the operator",
  invited: "registered by an invitation",
  backend: "was made by a backend",
};
