/**
 * Removed devices and users: their connections are closed and their sessions end, with the queued messages. A client
 * that was logging in meanwhile is closed as soon as it is connected.
 */
import type { Events } from "../delivery/events.ts";
import type { Domain } from "../domain/domain.ts";
import { type CreateService, noTopics, type ServiceSession } from "../mqtt/service.ts";
import { type Account, devicePrincipalKey, userPrincipalKey } from "./accounts.ts";

const revoked = "the device was revoked";

export function createRevocation(parts: {
  devices: Pick<Domain["devices"], "find" | "onRevoked">;
  events: Pick<Events, "on">;
}): CreateService<Account> {
  const { devices, events } = parts;
  return (broker) => {
    /** Connected sessions of devices, by name. */
    const connected = new Map<string, Set<ServiceSession<Account>>>();
    devices.onRevoked(({ name }) => {
      for (const session of [...(connected.get(name) ?? [])]) session.close(revoked);
      broker.endSessions(devicePrincipalKey(name));
    });
    events.on("user.revoked", ({ to }) => {
      for (const userId of to) broker.endSessions(userPrincipalKey(userId));
    });
    return {
      ...noTopics,
      opened(session) {
        const device = session.principal.device?.record;
        if (device === undefined) return;
        if (devices.find(device.name) !== device) {
          session.close(revoked);
          return;
        }
        const sessions = connected.get(device.name) ?? new Set();
        connected.set(device.name, sessions.add(session));
      },
      closed(session) {
        const name = session.principal.device?.record.name;
        const sessions = name === undefined ? undefined : connected.get(name);
        if (name !== undefined && sessions?.delete(session) && sessions.size === 0) connected.delete(name);
      },
    };
  };
}
