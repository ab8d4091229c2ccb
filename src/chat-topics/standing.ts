/** Who an MQTT client is in chats: a user, or a device that is itself a member, or one that writes in the name of a user. */
import type { Account } from "../access/accounts.ts";
import type { Domain } from "../domain/domain.ts";
import type { UserId } from "../domain/model.ts";
import { type Grant, type Need, opens } from "../domain/people/scope-rules.ts";

export interface Standing {
  readonly userId: UserId;
  /** What the client may do there: all that each of these opens. */
  readonly limits: readonly NonNullable<Grant>[];
}

type Devices = Pick<Domain["devices"], "find">;

/** As whom a client speaks; undefined: it speaks in no chat. */
export function speakerOf(account: Account, devices: Devices): Standing | undefined {
  const reader = readerOf(account, devices);
  if (reader !== undefined) return reader;
  const userId = deviceOf(account, devices)?.userId;
  return userId === undefined ? undefined : { userId, limits: limitsOf(account) };
}

/** As whom a client hears chats; undefined: it hears none. */
export function readerOf(account: Account, devices: Devices): Standing | undefined {
  const { userId } = account;
  if (userId !== undefined) return userStanding(account, userId);
  const member = deviceOf(account, devices)?.member;
  return member === undefined ? undefined : { userId: member.userId, limits: [member, ...limitsOf(account)] };
}

export const userStanding = (account: Account, userId: UserId): Standing => ({ userId, limits: limitsOf(account) });

export const opensAll = (limits: Standing["limits"], need: Need): boolean =>
  limits.every((limit) => opens(limit, need));

/** The device as it is now; undefined where it was revoked. */
function deviceOf({ device }: Account, devices: Devices) {
  const now = device === undefined ? undefined : devices.find(device.name);
  return now?.incarnation === device?.incarnation ? now : undefined;
}

const limitsOf = ({ scoped }: Account): Standing["limits"] => (scoped === undefined ? noLimits : [scoped]);
const noLimits: Standing["limits"] = [];
