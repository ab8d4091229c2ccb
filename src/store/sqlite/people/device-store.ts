/** MQTT devices and SCRAM keys in the store: reads of this thread's connection, and changes sent to the writer. */

import type { Database } from "bun:sqlite";
import { chatMembersMax } from "../../../domain/bounds.ts";
import type { MqttDevice, TokenScopes, UserId } from "../../../domain/model.ts";
import type { MqttDeviceStore } from "../../../domain/store.ts";
import { lazily } from "../../../lib/lazily.ts";
import { lateStatements } from "../engine/late-drizzle.ts";
import type { Submit } from "../submit.ts";
import { toWireScramKeys } from "./credential-parts.ts";
import { type MqttDeviceRow, mqttDeviceColumns } from "./device-changes.ts";

export function createMqttDeviceStore(
  db: Database,
  { submit, membersMax = chatMembersMax }: { submit: Submit; membersMax: number | undefined },
): MqttDeviceStore {
  const late = lateStatements(db);
  // Every start reads the devices, and building the statement would take longer than that.
  const page = lazily(() =>
    db.prepare<MqttDeviceRow, [string, number]>(
      `SELECT ${mqttDeviceColumns} FROM mqtt_devices WHERE name > ? ORDER BY name LIMIT ?`,
    ),
  );
  const password = lazily(() =>
    db.prepare<{ hash: string | null }, [string]>("SELECT password_hash hash FROM mqtt_devices WHERE name = ?"),
  );
  const keys = late(({ orm, p, eq, scramKeys }) =>
    orm
      .select()
      .from(scramKeys)
      .where(eq(scramKeys.ownerKey, p("ownerKey")))
      .prepare(),
  );
  const secret = lazily(() =>
    db.prepare<{ secret: Uint8Array }, [string]>("SELECT hash secret FROM server_keys WHERE name = ?"),
  );

  // Every change settles one turn after the writer's answer, so that callers see the order of submission.
  return {
    addMqttDevice: (device) => {
      const { name, certificateSubject, publish, subscribe, userId } = device;
      const wire = { ...device, scramKeys: toWireScramKeys(device.scramKeys), membersMax };
      return submit("addMqttDevice", wire).then(({ createdAtMs, memberId, scopes }) => ({
        name,
        certificateSubject,
        publish,
        subscribe,
        userId,
        member: memberOf(memberId, scopes),
        createdAtMs,
        lastSeenAtMs: undefined,
      }));
    },
    setMqttDevice: (change) =>
      submit("setMqttDevice", change).then((row) => (row === null ? undefined : toMqttDevice(row))),
    setMqttDevicePassword: (change) =>
      submit("setMqttDevicePassword", { ...change, scramKeys: toWireScramKeys(change.scramKeys) }).then(
        (row) => row !== null,
      ),
    touchMqttDevices: (seen) => submit("touchMqttDevices", { seen }).then(() => {}),
    removeMqttDevice: (name, { retainedToo } = {}) =>
      submit("removeMqttDevice", { name, retainedToo }).then((removed) => removed !== null),
    listMqttDevices: async ({ after, limit }) => page().all(after, limit).map(toMqttDevice),
    findMqttDevicePassword: async (name) => password().get(name)?.hash ?? undefined,
    findScramKeys: async (ownerKey) => keys().get({ ownerKey }),
    addScramKeys: (args) =>
      submit("addScramKeys", { ...args, scramKeys: toWireScramKeys(args.scramKeys) }).then(() => {}),
    findSecret: async (name) => secret().get(name)?.secret,
    keepSecret: (name, fresh) =>
      submit("keepSecret", { name, fresh: Buffer.from(fresh).toString("base64") }).then((kept) =>
        Buffer.from(kept, "base64"),
      ),
  };
}

export const toMqttDevice = (row: MqttDeviceRow): MqttDevice => ({
  name: row.name,
  certificateSubject: row.certificateSubject ?? undefined,
  publish: toPatterns(row.publish),
  subscribe: toPatterns(row.subscribe),
  userId: (row.userId ?? undefined) as UserId | undefined,
  member: memberOf(row.memberId, row.chats === null ? [] : (JSON.parse(row.chats) as TokenScopes)),
  createdAtMs: row.createdAtMs,
  lastSeenAtMs: row.lastSeenAtMs ?? undefined,
});

const memberOf = (userId: number | null | undefined, scopes: TokenScopes = []): MqttDevice["member"] =>
  userId == null ? undefined : { userId: userId as UserId, scopes };

const toPatterns = (text: string | null): readonly string[] | undefined =>
  text === null ? undefined : (JSON.parse(text) as string[]);
