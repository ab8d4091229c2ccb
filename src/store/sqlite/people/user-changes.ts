/** Changes to people and to what they log in with. */
import { DomainError } from "../../../domain/errors.ts";
import type { PresenceRule } from "../../../domain/model.ts";
import type { LogInsToEnd } from "../../../domain/people/log-in-store.ts";
import type { DeviceName } from "../../../domain/store.ts";
import { bytesOfHex } from "../../../lib/hex.ts";
import type { Positions } from "../deliveries/positions.ts";
import { freeing, growing } from "../engine/change.ts";
import type { Tx } from "../engine/tx.ts";
import type { AccountCodeParts } from "./account-code-changes.ts";
import type { CredentialParts, TakenLoginName, WireScramKeys } from "./credential-parts.ts";
import type { InviteParts } from "./invite-changes.ts";
import type { LogInParts, WireEnded } from "./log-in-changes.ts";
import type { TokenParts, WireToken } from "./token-changes.ts";
import type { UserParts, WireLook, WireUser } from "./user-parts.ts";

/** Bytes cross to the Worker as hex (hashes) or base64 (keys). */
export interface WireParticipant {
  readonly username: string;
  readonly displayName?: string | undefined;
  readonly publicKey?: string | undefined;
  readonly clientId?: string | undefined;
  readonly tokens: readonly WireToken[];
}

export interface WireProvision {
  readonly participants: readonly WireParticipant[];
  readonly onlyNew?: boolean | undefined;
  readonly repeatable?: boolean | undefined;
}

export interface WireProvisioned {
  readonly userId: number;
  readonly deviceId: number | null;
  /** The user was known by another name before. */
  readonly renamed: boolean;
  /** Set where the user was renamed. */
  readonly look?: WireLook | undefined;
  readonly spent: boolean;
  /** Whose log-in name the userID was until now. */
  readonly taken?: TakenLoginName | undefined;
}

export interface UserChangeParts {
  readonly people: UserParts;
  readonly credentials: CredentialParts;
  readonly tokens: TokenParts;
  readonly invites: InviteParts;
  readonly logIns: LogInParts;
  readonly codes: AccountCodeParts;
  readonly positions: () => Positions;
}

export function createUserChanges(tx: Tx, parts: UserChangeParts) {
  const { people, credentials, tokens, invites, logIns, codes, positions } = parts;
  const { db } = tx;
  const updatePassword = db.prepare("UPDATE users SET password_hash = ?2 WHERE user_id = ?1");
  const updateLoginName = db.prepare("UPDATE users SET login_name = ?2 WHERE user_id = ?1");
  const updateLastSeen = db.prepare("UPDATE users SET last_seen_at_ms = ?2 WHERE user_id = ?1");
  const updatePresence = db.prepare("UPDATE users SET presence = ?1 WHERE user_id = ?2 AND presence <> ?1");
  const updateKey = db.prepare("UPDATE users SET public_key = ?2 WHERE user_id = ?1");
  const selectDevice = db.prepare<{ deviceId: number }, [number, string, string]>(
    "SELECT device_id deviceId FROM devices WHERE user_id = ? AND door = ? AND name = ?",
  );
  const insertDevice = db.prepare<{ deviceId: number }, [number, string, string, string, number, number]>(
    `INSERT INTO devices (user_id, door, name, guid, since_message_id, created_at_ms)
     VALUES (?, ?, ?, ?, ?, ?) RETURNING device_id deviceId`,
  );
  const updateDeviceKey = db.prepare("UPDATE devices SET public_key = ?2 WHERE device_id = ?1");
  const deleteDevice = db.prepare("DELETE FROM devices WHERE user_id = ? AND door = ? AND name = ?");
  const upsertKey = db.prepare(
    `INSERT INTO server_keys (name, hash, created_at_ms) VALUES (?, ?, ?)
     ON CONFLICT DO UPDATE SET hash = excluded.hash, created_at_ms = excluded.created_at_ms`,
  );

  function createUser(user: WireUser): { userId: number; taken?: TakenLoginName | undefined } {
    const { invite, username, loginName } = user;
    if (username !== undefined && people.findByUsername(username) !== undefined) {
      throw new DomainError("username_taken");
    }
    if (invite !== undefined) invites.check(invite);
    if (username !== undefined) people.checkName(username);
    if (loginName !== undefined) people.checkLoginName(loginName);
    const taken = username === undefined ? undefined : people.holderOf(username);
    const userId = people.make(user);
    if (invite !== undefined) invites.use(invite);
    return { userId, taken };
  }

  /** Without a log-in name the user has none from now on. */
  function setLoginName({ userId, loginName }: { userId: number; loginName?: string | undefined }): null {
    people.checkPerson(userId);
    if (loginName !== undefined) people.checkLoginName(loginName, userId);
    tx.writes += 1;
    updateLoginName.run(userId, loginName ?? null);
    return null;
  }

  /** Gives who is told; null where that is the nick already. */
  function setNick({ userId, nick }: { userId: number; nick: string }): WireLook | null {
    const user = tx.sender(userId);
    if (user === undefined || user.disabled) throw new DomainError("user_disabled");
    return people.rename(userId, nick) ? people.look(userId) : null;
  }

  /** False where the rule is that already. */
  function setPresenceRule({ userId, rule }: { userId: number; rule: PresenceRule }): boolean {
    const user = tx.sender(userId);
    if (user === undefined || user.disabled) throw new DomainError("user_disabled");
    if (updatePresence.run(rule, userId).changes === 0) return false;
    tx.writes += 1;
    return true;
  }

  /** Gives the log-ins that it ended; null where it was to end none. */
  function setPassword(args: {
    userId: number;
    passwordHash: string;
    scramKeys?: WireScramKeys | undefined;
    end?: LogInsToEnd | undefined;
  }): WireEnded | null {
    const { userId, passwordHash } = args;
    people.checkPerson(userId);
    tx.writes += 1;
    updatePassword.run(userId, passwordHash);
    credentials.setScramKeys(`user:${userId}`, args.scramKeys);
    codes.end(userId);
    return args.end === undefined ? null : logIns.endAll(userId, { ownOnly: args.end === "own" });
  }

  function touchUsers(args: { seen: readonly { userId: number; lastSeenAtMs: number }[] }): null {
    for (const { userId, lastSeenAtMs } of args.seen) {
      tx.writes += 1;
      updateLastSeen.run(userId, lastSeenAtMs);
    }
    return null;
  }

  function provision(args: WireProvision): WireProvisioned[] {
    const named = new Set<string>();
    for (const { username } of args.participants) {
      checkParticipant(username, args.onlyNew === true, named.has(username));
      named.add(username);
    }
    tokens.dropExpired();
    return args.participants.map((participant) => provisionOne(participant, args));
  }

  /** `isMade`: a participant before this one has the name, and will be there by then. */
  function checkParticipant(username: string, onlyNew: boolean, isMade: boolean): void {
    const known = people.findByUsername(username);
    // Nor may a stranger take the log-in name of another.
    if (onlyNew && (known !== undefined || isMade || people.holderOf(username) !== undefined)) {
      throw new DomainError("not_authorized", "the userID exists");
    }
    if (known === undefined) people.checkName(username);
    else if (tx.sender(known)?.disabled === true) throw new DomainError("invalid_name", "the user is deactivated");
  }

  /** `onlyNew`: people make their own accounts and tokens, without the backend's key. */
  function provisionOne(
    participant: WireParticipant,
    { repeatable = false, onlyNew = false }: WireProvision,
  ): WireProvisioned {
    const { username, displayName, clientId } = participant;
    const known = people.findByUsername(username);
    const taken = known === undefined ? people.holderOf(username) : undefined;
    const userId =
      known ?? people.make({ username, nick: displayName ?? username, madeBy: onlyNew ? "registered" : "backend" });
    const renamed = known !== undefined && displayName !== undefined && people.rename(userId, displayName);
    const publicKey = participant.publicKey === undefined ? undefined : Buffer.from(participant.publicKey, "base64");
    const deviceId = clientId === undefined ? null : openDevice({ userId, door: "rest", name: clientId }).deviceId;
    if (publicKey !== undefined) {
      if (deviceId !== null) updateDeviceKey.run(deviceId, publicKey);
      else updateKey.run(userId, publicKey);
    }
    const spent = repeatable && !tokens.mayRepeat(userId, participant.tokens);
    if (!spent) tokens.add({ userId, deviceId }, participant.tokens, { repeatable, own: onlyNew });
    return { userId, deviceId, renamed, look: renamed ? people.look(userId) : undefined, spent, taken };
  }

  function openDevice(device: { userId: number; door: "mqtt" | "minioicq" | "rest"; name: string }): {
    deviceId: number;
    isNew: boolean;
  } {
    const { userId, door, name } = device;
    const known = selectDevice.get(userId, door, name);
    if (known !== null) return { deviceId: known.deviceId, isNew: false };
    tx.writes += 1;
    const made = insertDevice.get(userId, door, name, tx.guid(), tx.lastMessageId(), tx.nowMs);
    if (made === null) throw new Error("a device was not made");
    positions().beginDevice(made.deviceId, userId);
    return { deviceId: made.deviceId, isNew: true };
  }

  function endDevice({ userId, door, name }: DeviceName): null {
    tx.writes += 1;
    deleteDevice.run(userId, door, name);
    return null;
  }

  function setBackendKey(args: { hash: string }): null {
    tx.writes += 1;
    upsertKey.run("backend_key", bytesOfHex(args.hash), tx.nowMs);
    return null;
  }

  return {
    createUser: growing(createUser),
    setPassword: growing(setPassword),
    setLoginName: growing(setLoginName),
    setNick: growing(setNick),
    setPresenceRule: freeing(setPresenceRule),
    touchUsers: freeing(touchUsers),
    provision: growing(provision),
    openDevice: growing(openDevice),
    endDevice: freeing(endDevice),
    setBackendKey: growing(setBackendKey),
  };
}
