/** Tells the broker who its clients are and what they may do with ordinary topics. */
import type { Action, Identity } from "../mqtt/identity.ts";
import type { Account } from "./accounts.ts";
import { type AuthenticationParts, createAuthentication } from "./authentication.ts";
import { deviceMay } from "./permissions.ts";
import { isReserved, isSys } from "./reserved-topics.ts";

export function createIdentity(parts: AuthenticationParts): Identity<Account> {
  const { accounts, anonymous } = parts;
  const { devices } = parts.domain;

  function authorize({ userId, device, admin }: Account, action: Action, topic: string): boolean {
    if (device !== undefined) {
      return devices.find(device.record.name) === device.record && deviceMay(device.permissions, action, topic);
    }
    // An anonymous client may only talk to a service, which is not asked for here.
    if (userId === undefined && anonymous !== "full") return false;
    if (!isReserved(topic)) return true;
    // Who is connected and how busy the broker is concerns the operator alone, unless the broker is open to all
    // clients.
    return isSys(topic) && (admin || anonymous === "full") && action !== "publish";
  }

  return {
    ...createAuthentication(parts),
    principalOf: accounts.principalOf,
    authorize,
    permissionsVersion: devices.version,
  };
}
