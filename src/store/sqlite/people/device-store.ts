/** MQTT devices and SCRAM keys in the store: reads of this thread's connection, and changes sent to the writer. */

import type { Database } from "bun:sqlite";
import type { MqttDevice, MqttDeviceStore } from "../../../domain/store.ts";
import { lazily } from "../../../lib/lazily.ts";
import { lateStatements } from "../engine/late-drizzle.ts";
import type { mqttDevices } from "../schema.ts";
import type { Submit } from "../submit.ts";
import { toWireScramKeys } from "./device-changes.ts";

export function createMqttDeviceStore(db: Database, submit: Submit): MqttDeviceStore {
  const late = lateStatements(db);
  // Every start reads the devices, and building the statement would take longer than that.
  const page = lazily(() =>
    db.prepare<DeviceRow, [string, number]>(
      `SELECT name, certificate_subject certificateSubject, publish, subscribe, created_at_ms createdAtMs
       FROM mqtt_devices WHERE name > ? ORDER BY name LIMIT ?`,
    ),
  );
  const password = late(({ orm, p, eq, mqttDevices }) =>
    orm
      .select({ hash: mqttDevices.passwordHash })
      .from(mqttDevices)
      .where(eq(mqttDevices.name, p("name")))
      .prepare(),
  );
  const keys = late(({ orm, p, eq, scramKeys }) =>
    orm
      .select()
      .from(scramKeys)
      .where(eq(scramKeys.ownerKey, p("ownerKey")))
      .prepare(),
  );
  const secret = late(({ orm, p, eq, serverKeys }) =>
    orm
      .select({ secret: serverKeys.hash })
      .from(serverKeys)
      .where(eq(serverKeys.name, p("name")))
      .prepare(),
  );

  // Every change settles one turn after the writer's answer, so that callers see the order of submission.
  return {
    addMqttDevice: (device) => {
      const { name, certificateSubject, publish, subscribe } = device;
      const wire = { ...device, scramKeys: toWireScramKeys(device.scramKeys) };
      return submit("addMqttDevice", wire).then((createdAtMs) => ({
        name,
        certificateSubject,
        publish,
        subscribe,
        createdAtMs,
      }));
    },
    removeMqttDevice: (name) => submit("removeMqttDevice", { name }).then((removed) => removed),
    listMqttDevices: async ({ after, limit }) => page().all(after, limit).map(toDevice),
    findMqttDevicePassword: async (name) => password().get({ name })?.hash ?? undefined,
    findScramKeys: async (ownerKey) => keys().get({ ownerKey }),
    addScramKeys: (args) =>
      submit("addScramKeys", { ...args, scramKeys: toWireScramKeys(args.scramKeys) }).then(() => {}),
    findSecret: async (name) => secret().get({ name })?.secret,
    keepSecret: (name, fresh) =>
      submit("keepSecret", { name, fresh: Buffer.from(fresh).toString("base64") }).then((kept) =>
        Buffer.from(kept, "base64"),
      ),
  };
}

type DeviceRow = Pick<
  typeof mqttDevices.$inferSelect,
  "name" | "certificateSubject" | "publish" | "subscribe" | "createdAtMs"
>;

const toDevice = (row: DeviceRow): MqttDevice => ({
  name: row.name,
  certificateSubject: row.certificateSubject ?? undefined,
  publish: toPatterns(row.publish),
  subscribe: toPatterns(row.subscribe),
  createdAtMs: row.createdAtMs,
});

const toPatterns = (text: string | null): readonly string[] | undefined =>
  text === null ? undefined : (JSON.parse(text) as string[]);
