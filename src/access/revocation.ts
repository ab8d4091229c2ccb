/**
 * Accounts that lost a right: connections of removed devices and users are closed and their sessions end, with the queued
 * messages; connections that came by a password that is no longer a device's, or by a token that has ended, are closed. What may no longer be heard is
 * dropped where it waits. A client that was logging in meanwhile is closed as soon as it is connected.
 */
import type { Events } from "../delivery/events.ts";
import type { Domain } from "../domain/domain.ts";
import { type CreateService, noTopics, type ServiceSession } from "../mqtt/service.ts";
import {
  type Account,
  type DeviceAccount,
  devicePrincipalKey,
  scopedPrincipalKey,
  userPrincipalKey,
} from "./accounts.ts";

/** Connected sessions of devices, by name. */
export type ConnectedDevices = Map<string, Set<ServiceSession<Account>>>;

const revoked = "the device was revoked";
const tokenEnded = "the token has ended";
const newPassword = "the device has another password";

export function createRevocation(parts: {
  devices: Pick<Domain["devices"], "find" | "onRevoked">;
  events: Pick<Events, "on">;
  longTokens: Pick<Domain["longTokens"], "hasEnded" | "onEnded">;
  connected: ConnectedDevices;
  presence: Pick<Domain["presence"], "deviceSeen">;
}): CreateService<Account> {
  const { devices, events, longTokens, connected, presence } = parts;

  /** Why a device's connection must end; undefined: it need not. */
  function objection(
    { name, incarnation, passwordNumber }: DeviceAccount,
    tokenId: string | undefined,
  ): string | undefined {
    const now = devices.find(name);
    if (now?.incarnation !== incarnation) return revoked;
    if (tokenId !== undefined && longTokens.hasEnded(tokenId)) return tokenEnded;
    return passwordNumber === undefined || passwordNumber === now.passwordNumber ? undefined : newPassword;
  }

  return (broker) => {
    devices.onRevoked(({ name }) => {
      for (const session of [...(connected.get(name) ?? [])]) session.close(revoked);
      broker.endSessions(devicePrincipalKey(name));
    });
    events.on("user.revoked", ({ to }) => {
      for (const userId of to) broker.endSessions(userPrincipalKey(userId));
    });
    events.on("retained.dropped", ({ ownerKey }) => broker.dropRetained(ownerKey));
    events.on("device.changed", ({ device: { name } }) => {
      for (const session of [...(connected.get(name) ?? [])]) close(session);
      broker.permissionsChanged(devicePrincipalKey(name));
    });
    longTokens.onEnded(({ ownerKey, tokenIds }) => {
      const name = ownerKey.startsWith("device:") ? ownerKey.slice("device:".length) : undefined;
      if (name !== undefined) for (const session of [...(connected.get(name) ?? [])]) close(session);
      // Connections of users end with their log-ins.
      broker.endStoredSessions(ownerKey, new Set(tokenIds.map((tokenId) => scopedPrincipalKey(ownerKey, tokenId))));
    });
    events.on("topics.changed", ({ ownerKey }) => broker.permissionsChanged(ownerKey));

    /** True where the session's device may not be connected any more. */
    function close(session: ServiceSession<Account>): boolean {
      const { device, tokenId } = session.principal;
      const why = device === undefined ? undefined : objection(device, tokenId);
      if (why !== undefined) session.close(why);
      return why !== undefined;
    }

    return {
      ...noTopics,
      opened(session) {
        const name = session.principal.device?.name;
        if (name === undefined || close(session)) return;
        const sessions = connected.get(name) ?? new Set();
        connected.set(name, sessions.add(session));
        presence.deviceSeen(name);
      },
      closed(session) {
        const name = session.principal.device?.name;
        const sessions = name === undefined ? undefined : connected.get(name);
        if (name === undefined || sessions?.delete(session) !== true) return;
        if (sessions.size === 0) connected.delete(name);
        presence.deviceSeen(name);
      },
    };
  };
}
