/** Changes to MQTT devices, to what SCRAM needs to check passwords, and to the server's own secrets. */
import { DomainError } from "../../../domain/errors.ts";
import type { ScramKeys } from "../../../domain/people/scram-keys.ts";
import { freeing, growing } from "../engine/change.ts";
import type { Tx } from "../engine/tx.ts";

/** Bytes cross to the Worker as base64. */
export interface WireScramKeys {
  readonly salt: string;
  readonly iterations: number;
  readonly storedKey: string;
  readonly serverKey: string;
}

export interface WireMqttDevice {
  readonly name: string;
  readonly passwordHash?: string | undefined;
  readonly certificateSubject?: string | undefined;
  readonly publish?: readonly string[] | undefined;
  readonly subscribe?: readonly string[] | undefined;
  readonly scramKeys?: WireScramKeys | undefined;
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

export function toWireScramKeys(keys: ScramKeys): WireScramKeys;
export function toWireScramKeys(keys: ScramKeys | undefined): WireScramKeys | undefined;
export function toWireScramKeys(keys: ScramKeys | undefined): WireScramKeys | undefined {
  if (keys === undefined) return undefined;
  const { salt, iterations, storedKey, serverKey } = keys;
  return { salt: base64(salt), iterations, storedKey: base64(storedKey), serverKey: base64(serverKey) };
}

export type CredentialParts = ReturnType<typeof createCredentialParts>;

/** What the changes to users share with those to devices: one space of names, and the keys of a password. */
export function createCredentialParts(tx: Tx) {
  const { orm, p, eq, sql, mqttDevices, scramKeys } = tx.drizzle();
  const selectDevice = orm
    .select({ name: mqttDevices.name })
    .from(mqttDevices)
    .where(eq(mqttDevices.name, p("name")))
    .prepare();
  const upsertKeys = orm
    .insert(scramKeys)
    .values({
      ownerKey: p("ownerKey"),
      salt: p("salt"),
      iterations: p("iterations"),
      storedKey: p("storedKey"),
      serverKey: p("serverKey"),
    })
    .onConflictDoUpdate({
      target: scramKeys.ownerKey,
      set: {
        salt: sql`excluded.salt`,
        iterations: sql`excluded.iterations`,
        storedKey: sql`excluded.stored_key`,
        serverKey: sql`excluded.server_key`,
      },
    })
    .prepare();
  const deleteKeys = orm
    .delete(scramKeys)
    .where(eq(scramKeys.ownerKey, p("ownerKey")))
    .prepare();

  const isDevice = (name: string): boolean => selectDevice.get({ name }) !== undefined;

  /** The password changed: its keys are these from now on, or none. */
  function setScramKeys(ownerKey: string, keys: WireScramKeys | undefined): void {
    tx.writes += 1;
    if (keys === undefined) {
      deleteKeys.run({ ownerKey });
      return;
    }
    upsertKeys.run({
      ownerKey,
      salt: Buffer.from(keys.salt, "base64"),
      iterations: keys.iterations,
      storedKey: Buffer.from(keys.storedKey, "base64"),
      serverKey: Buffer.from(keys.serverKey, "base64"),
    });
  }

  return { isDevice, setScramKeys };
}

export function createMqttDeviceChanges(tx: Tx, credentials: CredentialParts) {
  const { orm, p, and, eq, mqttDevices, scramKeys, serverKeys, users } = tx.drizzle();
  const selectUser = orm
    .select({ userId: users.userId })
    .from(users)
    .where(eq(users.username, p("name")))
    .prepare();
  const selectSubject = orm
    .select({ name: mqttDevices.name })
    .from(mqttDevices)
    .where(eq(mqttDevices.certificateSubject, p("certificateSubject")))
    .prepare();
  const insertDevice = orm
    .insert(mqttDevices)
    .values({
      name: p("name"),
      passwordHash: p("passwordHash"),
      certificateSubject: p("certificateSubject"),
      publish: p("publish"),
      subscribe: p("subscribe"),
      createdAtMs: p("nowMs"),
    })
    .prepare();
  const deleteDevice = orm
    .delete(mqttDevices)
    .where(eq(mqttDevices.name, p("name")))
    .prepare();
  const selectPassword = orm
    .select({ userId: users.userId })
    .from(users)
    .where(and(eq(users.userId, p("userId")), eq(users.passwordHash, p("passwordHash"))))
    .prepare();
  const selectKeys = orm
    .select({ ownerKey: scramKeys.ownerKey })
    .from(scramKeys)
    .where(eq(scramKeys.ownerKey, p("ownerKey")))
    .prepare();
  const selectSecret = orm
    .select({ secret: serverKeys.hash })
    .from(serverKeys)
    .where(eq(serverKeys.name, p("name")))
    .prepare();
  const insertSecret = orm
    .insert(serverKeys)
    .values({ name: p("name"), hash: p("secret"), createdAtMs: p("nowMs") })
    .prepare();

  /** Gives the time it was made. */
  function addMqttDevice(device: WireMqttDevice): number {
    const { name, certificateSubject } = device;
    if (credentials.isDevice(name) || selectUser.get({ name }) !== undefined) throw new DomainError("username_taken");
    if (certificateSubject !== undefined && selectSubject.get({ certificateSubject }) !== undefined) {
      throw new DomainError("invalid_device", "another device has this certificate");
    }
    tx.writes += 1;
    insertDevice.run({
      name,
      passwordHash: device.passwordHash ?? null,
      certificateSubject: certificateSubject ?? null,
      publish: toText(device.publish),
      subscribe: toText(device.subscribe),
      nowMs: tx.nowMs,
    });
    credentials.setScramKeys(`device:${name}`, device.scramKeys);
    return tx.nowMs;
  }

  function removeMqttDevice({ name }: { name: string }): boolean {
    if (!credentials.isDevice(name)) return false;
    tx.writes += 1;
    deleteDevice.run({ name });
    credentials.setScramKeys(`device:${name}`, undefined);
    return true;
  }

  function addScramKeys(args: { userId: number; passwordHash: string; scramKeys: WireScramKeys }): null {
    const { userId, passwordHash } = args;
    const ownerKey = `user:${userId}`;
    if (selectPassword.get({ userId, passwordHash }) === undefined || selectKeys.get({ ownerKey }) !== undefined) {
      return null;
    }
    credentials.setScramKeys(ownerKey, args.scramKeys);
    return null;
  }

  /** Base64, both ways. */
  function keepSecret({ name, fresh }: { name: string; fresh: string }): string {
    const known = selectSecret.get({ name });
    if (known !== undefined) return base64(known.secret);
    tx.writes += 1;
    insertSecret.run({ name, secret: Buffer.from(fresh, "base64"), nowMs: tx.nowMs });
    return fresh;
  }

  return {
    addMqttDevice: growing(addMqttDevice),
    removeMqttDevice: freeing(removeMqttDevice),
    addScramKeys: growing(addScramKeys),
    keepSecret: growing(keepSecret),
  };
}

const toText = (patterns: readonly string[] | undefined): string | null =>
  patterns === undefined ? null : JSON.stringify(patterns);
