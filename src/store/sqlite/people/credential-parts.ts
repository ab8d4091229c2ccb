/** What changes to users share with those to devices: one space of names, the keys of passwords, and what goes with an account. */
import type { ScramKeys } from "../../../domain/people/scram-keys.ts";
import type { Tx } from "../engine/tx.ts";

/** Bytes cross to the Worker as base64. */
export interface WireScramKeys {
  readonly salt: string;
  readonly iterations: number;
  readonly storedKey: string;
  readonly serverKey: string;
}

export const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

export function toWireScramKeys(keys: ScramKeys): WireScramKeys;
export function toWireScramKeys(keys: ScramKeys | undefined): WireScramKeys | undefined;
export function toWireScramKeys(keys: ScramKeys | undefined): WireScramKeys | undefined {
  if (keys === undefined) return undefined;
  const { salt, iterations, storedKey, serverKey } = keys;
  return { salt: base64(salt), iterations, storedKey: base64(storedKey), serverKey: base64(serverKey) };
}

/** A log-in name that means a username or a device from now on, and whose it is. */
export interface TakenLoginName {
  readonly userId: number;
  readonly loginName: string;
}

export type CredentialParts = ReturnType<typeof createCredentialParts>;

export function createCredentialParts(tx: Tx) {
  const selectDevice = tx.db.prepare<{ one: 1 }, [string]>("SELECT 1 one FROM mqtt_devices WHERE name = ?");
  const selectHolder = tx.db.prepare<{ userId: number }, [string]>(
    "SELECT user_id userId FROM users WHERE login_name = ?",
  );
  const upsertKeys = tx.db.prepare(
    `INSERT INTO scram_keys (owner_key, salt, iterations, stored_key, server_key) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET salt = excluded.salt, iterations = excluded.iterations,
     stored_key = excluded.stored_key, server_key = excluded.server_key`,
  );
  const deleteKeys = tx.db.prepare("DELETE FROM scram_keys WHERE owner_key = ?");
  const deleteNetworks = tx.db.prepare("DELETE FROM log_in_networks WHERE account = ?");
  const deleteRetained = tx.db.prepare("DELETE FROM mqtt_retained WHERE publisher_key = ?");
  const deleteTokens = tx.db.prepare("DELETE FROM long_lived_tokens WHERE owner_key = ?");
  const leaveGroups = tx.db.prepare("DELETE FROM topic_group_members WHERE owner_key = ?");

  const isDevice = (name: string): boolean => selectDevice.get(name) !== null;

  /** Whose log-in name it is. Usernames and devices go before log-in names. */
  function holderOf(loginName: string): TakenLoginName | undefined {
    const userId = selectHolder.get(loginName)?.userId;
    return userId === undefined ? undefined : { userId, loginName };
  }

  /** The password changed: its keys are these from now on, or none. */
  function setScramKeys(ownerKey: string, keys: WireScramKeys | undefined): void {
    tx.writes += 1;
    if (keys === undefined) {
      deleteKeys.run(ownerKey);
      return;
    }
    upsertKeys.run(
      ownerKey,
      Buffer.from(keys.salt, "base64"),
      keys.iterations,
      Buffer.from(keys.storedKey, "base64"),
      Buffer.from(keys.serverKey, "base64"),
    );
  }

  /** The owner is gone: a later one of the same name begins with nothing. */
  function remove(ownerKey: string, { retainedToo = false } = {}): void {
    if (retainedToo) deleteRetained.run(ownerKey);
    setScramKeys(ownerKey, undefined);
    deleteNetworks.run(ownerKey);
    deleteTokens.run(ownerKey);
    leaveGroups.run(ownerKey);
  }

  return { isDevice, holderOf, setScramKeys, remove };
}
