/** Changes to people and to what they log in with. */
import { DomainError } from "../../../domain/errors.ts";
import type { DeviceName } from "../../../domain/store.ts";
import { bytesOfHex } from "../../../lib/hex.ts";
import { freeing, growing } from "../engine/change.ts";
import type { Tx } from "../engine/tx.ts";
import type { CredentialParts, WireScramKeys } from "./device-changes.ts";
import type { InviteParts } from "./invite-changes.ts";
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
}

export interface UserChangeParts {
  readonly people: UserParts;
  readonly credentials: CredentialParts;
  readonly tokens: TokenParts;
  readonly invites: InviteParts;
}

export function createUserChanges(tx: Tx, { people, credentials, tokens, invites }: UserChangeParts) {
  const { orm, p, and, eq, sql, devices, serverKeys, users } = tx.drizzle();
  const updatePassword = orm
    .update(users)
    .set({ passwordHash: sql`${p("passwordHash")}` })
    .where(eq(users.userId, p("userId")))
    .prepare();
  const updateLastSeen = orm
    .update(users)
    .set({ lastSeenAtMs: sql`${p("lastSeenAtMs")}` })
    .where(eq(users.userId, p("userId")))
    .prepare();
  const updateKey = orm
    .update(users)
    .set({ publicKey: sql`${p("publicKey")}` })
    .where(eq(users.userId, p("userId")))
    .prepare();
  const selectDevice = orm
    .select({ deviceId: devices.deviceId })
    .from(devices)
    .where(and(eq(devices.userId, p("userId")), eq(devices.door, p("door")), eq(devices.name, p("name"))))
    .prepare();
  const insertDevice = orm
    .insert(devices)
    .values({
      userId: p("userId"),
      door: p("door"),
      name: p("name"),
      guid: p("guid"),
      sinceMessageId: p("sinceMessageId"),
      createdAtMs: p("nowMs"),
    })
    .returning({ deviceId: devices.deviceId })
    .prepare();
  const updateDeviceKey = orm
    .update(devices)
    .set({ publicKey: sql`${p("publicKey")}` })
    .where(eq(devices.deviceId, p("deviceId")))
    .prepare();
  const deleteDevice = orm
    .delete(devices)
    .where(and(eq(devices.userId, p("userId")), eq(devices.door, p("door")), eq(devices.name, p("name"))))
    .prepare();
  const upsertKey = orm
    .insert(serverKeys)
    .values({ name: p("name"), hash: p("hash"), createdAtMs: p("nowMs") })
    .onConflictDoUpdate({
      target: serverKeys.name,
      set: { hash: sql`excluded.hash`, createdAtMs: sql`excluded.created_at_ms` },
    })
    .prepare();

  function createUser(user: WireUser): number {
    if (user.username !== undefined && people.findByUsername(user.username) !== undefined) {
      throw new DomainError("username_taken");
    }
    const { invite } = user;
    if (invite !== undefined) invites.check(invite);
    if (user.username !== undefined) people.checkName(user.username);
    const userId = people.make(user);
    if (invite !== undefined) invites.use(invite);
    return userId;
  }

  function setPassword(args: { userId: number; passwordHash: string; scramKeys?: WireScramKeys | undefined }): null {
    const { userId, passwordHash } = args;
    if (people.find(userId) === undefined) throw new DomainError("user_not_found");
    tx.writes += 1;
    updatePassword.run({ userId, passwordHash });
    credentials.setScramKeys(`user:${userId}`, args.scramKeys);
    return null;
  }

  function touchUsers(args: { seen: readonly { userId: number; lastSeenAtMs: number }[] }): null {
    for (const seen of args.seen) {
      tx.writes += 1;
      updateLastSeen.run({ ...seen });
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
    if (onlyNew && (known !== undefined || isMade)) throw new DomainError("not_authorized", "the userID exists");
    if (known === undefined) people.checkName(username);
    else if (tx.sender(known)?.disabled === true) throw new DomainError("invalid_name", "the user is deactivated");
  }

  function provisionOne(participant: WireParticipant, { repeatable = false }: WireProvision): WireProvisioned {
    const { username, displayName, clientId } = participant;
    const known = people.findByUsername(username);
    const userId = known ?? people.make({ username, nick: displayName ?? username });
    const renamed = known !== undefined && displayName !== undefined && people.rename(userId, displayName);
    const publicKey = participant.publicKey === undefined ? undefined : Buffer.from(participant.publicKey, "base64");
    const deviceId = clientId === undefined ? null : openDevice({ userId, door: "rest", name: clientId });
    if (publicKey !== undefined) {
      if (deviceId !== null) updateDeviceKey.run({ deviceId, publicKey });
      else updateKey.run({ userId, publicKey });
    }
    const spent = repeatable && !tokens.mayRepeat(userId, participant.tokens);
    if (!spent) tokens.add({ userId, deviceId }, participant.tokens, { repeatable });
    return { userId, deviceId, renamed, look: renamed ? people.look(userId) : undefined, spent };
  }

  function openDevice(device: { userId: number; door: "mqtt" | "minioicq" | "rest"; name: string }): number {
    const known = selectDevice.get({ ...device });
    if (known !== undefined) return known.deviceId;
    tx.writes += 1;
    const [made] = insertDevice.all({
      ...device,
      guid: tx.guid(),
      sinceMessageId: tx.lastMessageId(),
      nowMs: tx.nowMs,
    });
    if (made === undefined) throw new Error("a device was not made");
    return made.deviceId;
  }

  function endDevice(device: DeviceName): null {
    tx.writes += 1;
    deleteDevice.run({ ...device });
    return null;
  }

  function setBackendKey(args: { hash: string }): null {
    tx.writes += 1;
    upsertKey.run({ name: "backend_key", hash: bytesOfHex(args.hash), nowMs: tx.nowMs });
    return null;
  }

  return {
    createUser: growing(createUser),
    setPassword: growing(setPassword),
    touchUsers: freeing(touchUsers),
    provision: growing(provision),
    openDevice: growing(openDevice),
    endDevice: freeing(endDevice),
    setBackendKey: growing(setBackendKey),
  };
}
