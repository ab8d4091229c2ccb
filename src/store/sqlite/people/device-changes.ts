/** Changes to MQTT devices, to what SCRAM needs to check passwords, and to the server's own secrets. */
import { DomainError } from "../../../domain/errors.ts";
import type { TokenScopes } from "../../../domain/model.ts";
import type { TopicPatterns } from "../../../domain/people/topic-store.ts";
import type { NewDeviceChat } from "../../../domain/store.ts";
import type { ChatParts, EnteredParts, LeftParts } from "../chats/chat-parts.ts";
import type { ChatReferences } from "../chats/chat-references.ts";
import type { ChatRemoval } from "../chats/chat-removal.ts";
import { freeing, growing } from "../engine/change.ts";
import type { Tx } from "../engine/tx.ts";
import { base64, type CredentialParts, type TakenLoginName, type WireScramKeys } from "./credential-parts.ts";
import type { UserParts } from "./user-parts.ts";

export interface WireMqttDevice {
  readonly name: string;
  readonly passwordHash?: string | undefined;
  readonly certificateSubject?: string | undefined;
  readonly publish?: readonly string[] | undefined;
  readonly subscribe?: readonly string[] | undefined;
  readonly userId?: number | undefined;
  readonly chats?: readonly NewDeviceChat[] | undefined;
  readonly scramKeys?: WireScramKeys | undefined;
  /** Of one chat. */
  readonly membersMax: number;
}

/** What became of a new device: its own user where it is a member of chats, and who is told. */
export interface WireDeviceAdded {
  readonly createdAtMs: number;
  readonly memberId: number | undefined;
  readonly scopes: TokenScopes | undefined;
  readonly entered: readonly EnteredParts[];
  /** Whose log-in name it has. */
  readonly taken?: TakenLoginName | undefined;
}

/** A device as it is stored, without its secrets. */
export interface MqttDeviceRow {
  readonly name: string;
  readonly certificateSubject: string | null;
  readonly publish: string | null;
  readonly subscribe: string | null;
  readonly userId: number | null;
  readonly memberId: number | null;
  readonly chats: string | null;
  readonly createdAtMs: number;
  readonly lastSeenAtMs: number | null;
}

export const mqttDeviceColumns =
  "name, certificate_subject certificateSubject, publish, subscribe, user_id userId, member_id memberId, chats, created_at_ms createdAtMs, last_seen_at_ms lastSeenAtMs";

export function createMqttDeviceChanges(
  tx: Tx,
  parts: {
    credentials: CredentialParts;
    people: UserParts;
    chats: ChatParts;
    references: ChatReferences;
    chatRemoval: ChatRemoval;
  },
) {
  const { db } = tx;
  const { credentials, chatRemoval } = parts;
  const selectUser = db.prepare<{ one: 1 }, [string]>("SELECT 1 one FROM users WHERE username = ?");
  const selectSubject = db.prepare<{ one: 1 }, [string]>(
    "SELECT 1 one FROM mqtt_devices WHERE certificate_subject = ?",
  );
  const insertDevice = db.prepare(
    `INSERT INTO mqtt_devices
     (name, password_hash, certificate_subject, publish, subscribe, user_id, member_id, chats, created_at_ms)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const selectDevice = db.prepare<MqttDeviceRow, [string]>(
    `SELECT ${mqttDeviceColumns} FROM mqtt_devices WHERE name = ?`,
  );
  const updateDevice = db.prepare("UPDATE mqtt_devices SET publish = ?2, subscribe = ?3, user_id = ?4 WHERE name = ?1");
  const updatePassword = db.prepare("UPDATE mqtt_devices SET password_hash = ?2 WHERE name = ?1");
  const selectUserId = db.prepare<{ one: 1 }, [number]>("SELECT 1 one FROM users WHERE user_id = ?");
  const updateLastSeen = db.prepare("UPDATE mqtt_devices SET last_seen_at_ms = ?2 WHERE name = ?1");
  const deleteDevice = db.prepare("DELETE FROM mqtt_devices WHERE name = ?");
  const deleteUser = db.prepare("DELETE FROM users WHERE user_id = ?");
  const selectPassword = db.prepare<{ one: 1 }, [number, string]>(
    "SELECT 1 one FROM users WHERE user_id = ? AND password_hash = ?",
  );
  const selectKeys = db.prepare<{ one: 1 }, [string]>("SELECT 1 one FROM scram_keys WHERE owner_key = ?");
  const selectSecret = db.prepare<{ secret: Uint8Array }, [string]>(
    "SELECT hash secret FROM server_keys WHERE name = ?",
  );
  const insertSecret = db.prepare("INSERT INTO server_keys (name, hash, created_at_ms) VALUES (?, ?, ?)");

  function addMqttDevice(device: WireMqttDevice): WireDeviceAdded {
    const { name, certificateSubject, chats = [] } = device;
    if (credentials.isDevice(name) || selectUser.get(name) !== null) throw new DomainError("username_taken");
    if (certificateSubject !== undefined && selectSubject.get(certificateSubject) !== null) {
      throw new DomainError("invalid_device", "another device has this certificate");
    }
    checkUser(device.userId);
    if (chats.length > 0 && device.userId !== undefined) throw oneOfBoth();
    const groups = chats.map(({ chat }) => parts.references.ownGroup(chat, undefined));
    if (new Set(groups).size < groups.length) throw new DomainError("invalid_device", "a chat is named twice");
    for (const { members } of groups) {
      if (members.length >= device.membersMax)
        throw new DomainError("too_many_members", `at most ${device.membersMax}`);
    }
    const memberId = groups.length === 0 ? undefined : parts.people.make({ nick: name, kind: "device" });
    const scopes = memberId === undefined ? undefined : groups.flatMap(({ chatId }, at) => scopesOf(chatId, chats[at]));
    tx.writes += 1;
    insertDevice.run(
      name,
      device.passwordHash ?? null,
      certificateSubject ?? null,
      toText(device.publish),
      toText(device.subscribe),
      device.userId ?? null,
      memberId ?? null,
      scopes === undefined ? null : JSON.stringify(scopes),
      tx.nowMs,
    );
    credentials.setScramKeys(`device:${name}`, device.scramKeys);
    const entered = memberId === undefined ? [] : groups.map(({ chatId }) => enter(chatId, memberId));
    return { createdAtMs: tx.nowMs, memberId, scopes, entered, taken: credentials.holderOf(name) };
  }

  function enter(chatId: number, memberId: number): EnteredParts {
    chatRemoval.touchChat(chatId);
    return parts.chats.enter(chatId, [memberId]);
  }

  function checkUser(userId: number | null | undefined): void {
    if (userId != null && selectUserId.get(userId) === null) throw new DomainError("user_not_found");
  }

  /** Gives the device as it is then; null where there is none. */
  function setMqttDevice(change: {
    name: string;
    patterns?: TopicPatterns | null | undefined;
    userId?: number | null | undefined;
  }): MqttDeviceRow | null {
    const { name, patterns } = change;
    const known = selectDevice.get(name);
    if (known === null) return null;
    checkUser(change.userId);
    if (change.userId != null && known.memberId !== null) throw oneOfBoth();
    const publish = patterns === undefined ? known.publish : toText(patterns?.publish);
    const subscribe = patterns === undefined ? known.subscribe : toText(patterns?.subscribe);
    const userId = change.userId === undefined ? known.userId : change.userId;
    tx.writes += 1;
    updateDevice.run(name, publish, subscribe, userId);
    return { ...known, publish, subscribe, userId };
  }

  function setMqttDevicePassword(change: {
    name: string;
    passwordHash?: string | undefined;
    scramKeys?: WireScramKeys | undefined;
  }): MqttDeviceRow | null {
    const { name } = change;
    const known = selectDevice.get(name);
    if (known === null) return null;
    tx.writes += 1;
    updatePassword.run(name, change.passwordHash ?? null);
    credentials.setScramKeys(`device:${name}`, change.scramKeys);
    return known;
  }

  /** Devices that are gone meanwhile are passed over. */
  function touchMqttDevices(args: { seen: readonly { name: string; lastSeenAtMs: number }[] }): null {
    for (const { name, lastSeenAtMs } of args.seen) {
      tx.writes += 1;
      updateLastSeen.run(name, lastSeenAtMs);
    }
    return null;
  }

  /** Gives the chats that it was in; null where there is no such device. */
  function removeMqttDevice({ name, retainedToo }: { name: string; retainedToo?: boolean | undefined }): {
    left: LeftParts[];
  } | null {
    const known = selectDevice.get(name);
    if (known === null) return null;
    const { memberId } = known;
    const left = memberId === null ? [] : chatRemoval.leaveAll(memberId);
    tx.writes += 1;
    deleteDevice.run(name);
    if (memberId !== null) {
      deleteUser.run(memberId);
      tx.userChanged(memberId);
    }
    credentials.remove(`device:${name}`, { retainedToo });
    return { left };
  }

  function addScramKeys(args: { userId: number; passwordHash: string; scramKeys: WireScramKeys }): null {
    const { userId, passwordHash } = args;
    const ownerKey = `user:${userId}`;
    if (selectPassword.get(userId, passwordHash) === null || selectKeys.get(ownerKey) !== null) return null;
    credentials.setScramKeys(ownerKey, args.scramKeys);
    return null;
  }

  /** Base64, both ways. */
  function keepSecret({ name, fresh }: { name: string; fresh: string }): string {
    const known = selectSecret.get(name);
    if (known !== null) return base64(known.secret);
    tx.writes += 1;
    insertSecret.run(name, Buffer.from(fresh, "base64"), tx.nowMs);
    return fresh;
  }

  return {
    addMqttDevice: growing(addMqttDevice),
    setMqttDevice: growing(setMqttDevice),
    setMqttDevicePassword: growing(setMqttDevicePassword),
    touchMqttDevices: freeing(touchMqttDevices),
    removeMqttDevice: freeing(removeMqttDevice),
    addScramKeys: growing(addScramKeys),
    keepSecret: growing(keepSecret),
  };
}

const oneOfBoth = (): DomainError =>
  new DomainError("invalid_device", "a device is a member of chats itself, or writes for a user, not both");

function scopesOf(chatId: number, { allow }: Partial<NewDeviceChat> = {}): TokenScopes {
  const chat = `chat.${chatId}`;
  const scopes: TokenScopes = [
    { allow: "send", chat },
    { allow: "read", chat },
  ];
  return allow === undefined ? scopes : scopes.filter((scope) => scope.allow === allow);
}

const toText = (patterns: readonly string[] | undefined): string | null =>
  patterns === undefined ? null : JSON.stringify(patterns);
