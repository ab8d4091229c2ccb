/**
 * What the operator's commands may ask of the data: a closed set of plain functions over the domain. A running server
 * answers them on a Unix socket in the data folder, so no command needs a password. Without a server the command opens
 * the store itself and calls the same functions. A process that may open the socket can read the data anyway; even so
 * every request is validated.
 */
import { z } from "zod";
import type { Hub } from "../delivery/hub.ts";
import type { Hook } from "../domain/chats/hook-store.ts";
import type { Domain } from "../domain/domain.ts";
import { DomainError, type DomainErrorCode } from "../domain/errors.ts";
import { safeInteger } from "../domain/keys.ts";
import type { ChatId, DeviceMember, MqttDevice, TokenScopes, User } from "../domain/model.ts";
import type { Registration } from "../domain/people/accounts.ts";
import type { ListedClient } from "../domain/people/clients.ts";
import { isPerson } from "../domain/people/kinds.ts";
import type { LongToken } from "../domain/people/long-token-store.ts";
import { longTokenLifetimeMsMax } from "../domain/people/long-tokens.ts";
import type { TopicGroup } from "../domain/people/topic-store.ts";
import { type ClientAccount, endClients, type OperatorClient, pageOf, shown as showClient } from "./clients.ts";
import type { ClockWatch } from "./clock-watch.ts";

const password = z.string().min(1).max(1024);
const deviceName = z.string().min(1).max(256);
const userName = z.string().min(1).max(256);
const chatName = z.string().min(1).max(256);
const groupName = z.string().min(1).max(128);
const patterns = z.array(z.string().min(1).max(1024)).max(64);
/** With one of the two lists alone, nothing is allowed the other way. */
const topics = z.strictObject({ publish: patterns.default([]), subscribe: patterns.default([]) });
const memberNames = z.array(deviceName).max(1000).default([]);

const scope = z.strictObject({
  allow: z.enum(["publish", "read", "send"]),
  topic: z.string().min(1).max(1024).optional(),
  chat: z.string().min(1).max(256).optional(),
});

const operatorRequest = z.discriminatedUnion("op", [
  z.strictObject({
    op: z.literal("addUser"),
    username: z.string().max(256).optional(),
    nick: z.string().max(1024),
    password,
  }),
  z.strictObject({
    op: z.literal("listUsers"),
    /** Users with a higher id follow. Pass the last id of a page to get the next page. */
    after: z.int().min(0).default(0),
    limit: z.int().min(1).max(1000).default(100),
  }),
  /** `user` is a username, `user.<userId>` or a bare userId. */
  z.strictObject({ op: z.literal("setUserDisabled"), user: z.string().min(1).max(256), disabled: z.boolean() }),
  z.strictObject({ op: z.literal("removeUser"), user: userName, retained: z.boolean().default(false) }),
  z.strictObject({
    op: z.literal("invite"),
    uses: z.int().min(1).max(100_000).default(1),
    days: z.int().min(1).max(3650).default(7),
  }),
  z.strictObject({
    op: z.literal("setPassword"),
    user: userName,
    password,
    /** `own`: all log-ins, all long-lived tokens, and the tokens that the account made for itself. `all`: those of a backend too. */
    end: z.enum(["own", "all", "none"]).default("own"),
  }),
  z.strictObject({ op: z.literal("resetUser"), user: userName }),
  z.strictObject({ op: z.literal("showUser"), user: userName }),
  /** Null removes it. */
  z.strictObject({ op: z.literal("setLoginName"), user: userName, login_name: z.string().max(256).nullable() }),
  z.strictObject({ op: z.literal("userTopics"), user: userName }),
  /** Null removes the user's own patterns. */
  z.strictObject({ op: z.literal("setUserTopics"), user: userName, topics: topics.nullable() }),
  z.strictObject({ op: z.literal("trustUser"), user: userName }),
  z.strictObject({ op: z.literal("addGroup"), name: groupName, topics }),
  z.strictObject({ op: z.literal("listGroups") }),
  z.strictObject({ op: z.literal("setGroup"), name: groupName, topics }),
  z.strictObject({ op: z.literal("removeGroup"), name: groupName }),
  z.strictObject({
    op: z.literal("listGroupMembers"),
    name: groupName,
    /** Pass the `next` of a page to get the next page. */
    after: z.string().max(300).default(""),
    limit: z.int().min(1).max(1000).default(100),
  }),
  /** Names of devices, or of users as above. */
  z.strictObject({ op: z.literal("changeGroupMembers"), name: groupName, add: memberNames, remove: memberNames }),
  z.strictObject({
    op: z.literal("addDevice"),
    name: deviceName,
    /** Generated where neither a password nor a certificate is given. */
    password: password.optional(),
    certificate: z.string().min(1).max(1024).optional(),
    publish: patterns.optional(),
    subscribe: patterns.optional(),
    /** In whose name it writes to chats. */
    user: userName.optional(),
    /** Groups that it is a member of itself, by chatID or number. Without `may` it reads and writes. */
    chats: z
      .array(z.strictObject({ chat: chatName, may: z.enum(["read", "write"]).optional() }))
      .max(1000)
      .optional(),
  }),
  /** What is left out stays. Null: the default topics, or no user. */
  z.strictObject({
    op: z.literal("setDevice"),
    name: deviceName,
    topics: topics.nullable().optional(),
    user: userName.nullable().optional(),
  }),
  z.strictObject({ op: z.literal("setDevicePassword"), name: deviceName, password: password.optional() }),
  z.strictObject({
    op: z.literal("listDevices"),
    /** Devices with a higher name follow. Pass the last name of a page to get the next page. */
    after: z.string().max(256).default(""),
    limit: z.int().min(1).max(1000).default(100),
  }),
  z.strictObject({ op: z.literal("revokeDevice"), name: deviceName, retained: z.boolean().default(false) }),
  z.strictObject({
    op: z.literal("addToken"),
    /** A device's name, or a user's as above. */
    owner: userName,
    name: z.string().min(1).max(256).optional(),
    /** Without them: everything that the owner may do. */
    scopes: z.array(scope).max(64).optional(),
    /** Without it the token does not expire. */
    lifetime_seconds: z
      .int()
      .min(60)
      .max(longTokenLifetimeMsMax / 1000)
      .optional(),
  }),
  z.strictObject({
    op: z.literal("listTokens"),
    /** Without it those of all users and devices. */
    owner: userName.optional(),
    /** Tokens with a higher id follow. Pass the last id of a page to get the next page. */
    after: z.string().max(64).default(""),
    limit: z.int().min(1).max(1000).default(100),
  }),
  z.strictObject({ op: z.literal("revokeToken"), token_id: z.string().min(1).max(64) }),
  /** `chat` is a chatID, or a chat's number. */
  z.strictObject({ op: z.literal("addHook"), chat: chatName, name: z.string().max(1024).optional() }),
  z.strictObject({
    op: z.literal("listHooks"),
    /** Without it those of all chats. */
    chat: chatName.optional(),
    /** Hooks with a higher id follow. Pass the last id of a page to get the next page. */
    after: z.int().min(0).default(0),
    limit: z.int().min(1).max(1000).default(100),
  }),
  z.strictObject({ op: z.literal("removeHook"), hook_id: z.int().min(1) }),
  z.strictObject({
    op: z.literal("listClients"),
    /** A device's name, or a user's as above. */
    of: z.string().min(1).max(256).optional(),
    /** The `next` of the page before. */
    after: z.int().min(0).default(0),
    limit: z.int().min(1).max(1000).default(100),
  }),
  /** Names of devices and users as above, or client ids. */
  z.strictObject({ op: z.literal("endClients"), names: z.array(z.string().min(1).max(65_535)).min(1).max(64) }),
  /** `name` is a device's name, or a user's as above. */
  z.strictObject({
    op: z.literal("may"),
    name: deviceName,
    action: z.enum(["publish", "subscribe"]),
    topic: z.string().min(1).max(4096),
    client_id: z.string().max(65_535).optional(),
  }),
  z.strictObject({ op: z.literal("showClock") }),
  z.strictObject({ op: z.literal("acceptClock") }),
  z.strictObject({ op: z.literal("showKey") }),
  z.strictObject({ op: z.literal("rotateKey") }),
]);

export type OperatorRequest = z.input<typeof operatorRequest>;

export interface OperatorUser {
  readonly user_id: number;
  readonly username: string | null;
  /** What the user chose to log in by. */
  readonly login_name: string | null;
  /** The log-in name means another user, or a device, so it does not log this user in. */
  readonly login_name_taken: boolean;
  readonly nick: string;
  readonly online: boolean;
  /** ISO 8601, UTC. */
  readonly last_seen: string | null;
  readonly created: string;
  readonly disabled: boolean;
  readonly made_by: "operator" | "registered" | "invited" | "backend";
}

/** Patterns of ordinary MQTT topics. */
export interface OperatorTopics {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

export interface OperatorGroup extends OperatorTopics {
  readonly name: string;
  readonly created: string;
}

export interface OperatorDeviceChat {
  readonly chat: string;
  /** Null: it reads and writes. */
  readonly may: "read" | "write" | null;
}

export interface OperatorDevice {
  readonly name: string;
  readonly certificate: string | null;
  /** Null: everything outside the reserved prefixes. */
  readonly publish: readonly string[] | null;
  readonly subscribe: readonly string[] | null;
  /** By name; their patterns count too. */
  readonly groups: readonly string[];
  /** In whose name it writes to chats: a username or `user.<userId>`. */
  readonly user: string | null;
  /** The chats that it is a member of itself. */
  readonly chats: readonly OperatorDeviceChat[];
  readonly created: string;
  readonly online: boolean;
  /** ISO 8601, UTC; null: never. */
  readonly last_seen: string | null;
}

/** A long-lived token, without its secret. */
export interface OperatorToken {
  readonly token_id: string;
  /** One of the two is null. */
  readonly user: string | null;
  readonly device: string | null;
  readonly name: string | null;
  /** Null: everything that its owner may do. */
  readonly scopes: TokenScopes | null;
  readonly made_by: "operator" | "backend" | "minioicq" | "rest";
  readonly created: string;
  /** ISO 8601, UTC; null: never. */
  readonly last_used: string | null;
  readonly expires: string | null;
}

/** An address whose posts become messages of a chat, without its secret. */
export interface OperatorHook {
  /** The id of its own user, the member that writes what is posted. */
  readonly hook_id: number;
  readonly chat: string;
  readonly name: string;
  readonly created: string;
}

/** What `may` must know of a question. The rules are those of the MQTT door. */
export type PermissionCheck = (question: {
  name: string;
  action: "publish" | "subscribe";
  topic: string;
  clientId: string | undefined;
}) => Promise<{ allowed: boolean; pattern: string | undefined; why: string } | undefined>;

export interface OperatorKey {
  /** The first hex digits of the key's hash. */
  readonly fingerprint: string;
  readonly created: string;
  readonly age_seconds: number;
}

export interface OperatorClock {
  /** The wall clock's, ISO 8601, UTC. */
  readonly time: string;
  /** By how much it was set, forward less back, as far as that did not count as time. */
  readonly set_by_seconds: number;
  /** The part of that which may be time that passed. */
  readonly lag_seconds: number;
  /** When the lag counts by itself; null where it does not. */
  readonly believed_in_seconds: number | null;
}

/** What each operation gives when it succeeds. */
export interface OperatorResults {
  addUser: { readonly user: OperatorUser };
  /** `next` is the `after` of the next page; null at the end. */
  listUsers: { readonly users: readonly OperatorUser[]; readonly next: number | null };
  setUserDisabled: { readonly user: OperatorUser };
  /** The user as they were before. */
  removeUser: { readonly user: OperatorUser };
  /** `code` is shown only this once. */
  invite: {
    readonly code: string;
    readonly uses: number;
    readonly expires: string;
    /** As the server that answers has it. */
    readonly registration: Registration;
  };
  setPassword: { readonly user: OperatorUser };
  /** `code` is shown only this once. */
  resetUser: { readonly user: OperatorUser; readonly code: string; readonly expires: string };
  /** `disk_bytes`: what the user takes of the disk, as `limits.disk_bytes_per_user` counts it. */
  showUser: { readonly user: OperatorUser; readonly disk_bytes: number };
  setLoginName: { readonly user: OperatorUser };
  /** `topics`: the user's own; null where they have none. */
  userTopics: {
    readonly user: OperatorUser;
    readonly topics: OperatorTopics | null;
    readonly groups: readonly OperatorGroup[];
  };
  setUserTopics: { readonly user: OperatorUser };
  trustUser: { readonly user: OperatorUser };
  addGroup: { readonly name: string };
  listGroups: { readonly groups: readonly OperatorGroup[] };
  setGroup: { readonly name: string };
  removeGroup: { readonly name: string };
  listGroupMembers: {
    readonly group: OperatorGroup;
    /** Devices by their names, users by username or `user.<userId>`. */
    readonly members: readonly { readonly kind: "device" | "user"; readonly name: string }[];
    readonly next: string | null;
  };
  changeGroupMembers: { readonly name: string };
  setDevice: { readonly device: OperatorDevice };
  /** `password` is shown only this once; null where it was not generated. */
  setDevicePassword: { readonly name: string; readonly password: string | null };
  /** `password` is shown only this once; null where it was not generated. */
  addDevice: { readonly device: OperatorDevice; readonly password: string | null };
  listDevices: { readonly devices: readonly OperatorDevice[]; readonly next: string | null };
  revokeDevice: { readonly name: string };
  /** `secret` is the token itself, shown only this once. */
  addToken: { readonly token: OperatorToken; readonly secret: string };
  listTokens: { readonly tokens: readonly OperatorToken[]; readonly next: string | null };
  revokeToken: { readonly token_id: string };
  /** `path` is the address, shown only this once. */
  addHook: { readonly hook: OperatorHook; readonly path: string };
  listHooks: { readonly hooks: readonly OperatorHook[]; readonly next: number | null };
  removeHook: { readonly hook_id: number; readonly chat: string };
  /** `next` is the `after` of the next page; null at the end. */
  listClients: { readonly clients: readonly OperatorClient[]; readonly next: number | null };
  endClients: { readonly ended: readonly { readonly name: string; readonly clients: number }[] };
  may: { readonly allowed: boolean; readonly pattern: string | null; readonly why: string };
  showClock: OperatorClock;
  acceptClock: { readonly passed_seconds: number };
  showKey: { readonly key: OperatorKey | null };
  rotateKey: { readonly backend_key: string; readonly fingerprint: string };
}

export type OperatorOp = keyof OperatorResults;
/** The arguments of each operation, besides its name. */
export type OperatorDetails = { [Op in OperatorOp]: Omit<Extract<OperatorRequest, { op: Op }>, "op"> };
export type OperatorErrorCode =
  | DomainErrorCode
  | "bad_request"
  | "device_not_found"
  | "group_not_found"
  | "group_exists"
  | "key_is_configured"
  | "not_running"
  | "internal";
export type OperatorRefusal = { readonly ok: false; readonly code: OperatorErrorCode; readonly message: string };
export type OperatorAnswer = { readonly ok: true; readonly result: OperatorResults[OperatorOp] } | OperatorRefusal;

export type Operator = ReturnType<typeof createOperator>;

export function createOperator(parts: {
  domain: Domain;
  hub: Hub;
  checkPermission: PermissionCheck;
  /** The connected clients of all doors; undefined where no server runs. */
  clients?: (() => Iterable<ListedClient>) | undefined;
  isDeviceOnline(name: string): boolean;
  clock: Pick<ClockWatch, "seen" | "accept">;
  /** The configuration fixes the key. A rotated key would not survive the next start, so rotation is refused. */
  backendKeyConfigured?: boolean;
  /** Called with a failure of our own; the answer says only "internal". */
  onFailure?: (error: unknown) => void;
}) {
  const { accounts, accountCodes, accountRemoval, devices, hooks, loginNames, longTokens, topics, presence, store } =
    parts.domain;

  /** Never throws: every refusal is an answer. */
  async function handle(request: unknown): Promise<OperatorAnswer> {
    const parsed = operatorRequest.safeParse(request);
    if (!parsed.success) return { ok: false, code: "bad_request", message: z.prettifyError(parsed.error) };
    try {
      return await perform(parsed.data);
    } catch (error) {
      if (error instanceof Unknown) return { ok: false, code: error.code, message: error.message };
      if (error instanceof DomainError) return { ok: false, code: error.code, message: error.reason };
      parts.onFailure?.(error);
      return { ok: false, code: "internal", message: "the server failed; its log says why" };
    }
  }

  async function perform(request: z.output<typeof operatorRequest>): Promise<OperatorAnswer> {
    switch (request.op) {
      case "addUser":
        return done<"addUser">({ user: await show(await accounts.add(request)) });
      case "listUsers": {
        // One more than asked for, to learn whether there is a next page.
        const found = await store.listUsers({ after: request.after, limit: request.limit + 1, disabledToo: true });
        const users = found.slice(0, request.limit);
        const next = found.length > request.limit ? (users.at(-1)?.userId ?? null) : null;
        return done<"listUsers">({ users: await Promise.all(users.map(show)), next });
      }
      case "setUserDisabled": {
        const { userId } = await getUser(request.user);
        if (request.disabled) await accountRemoval.disable(userId);
        else await accountRemoval.enable(userId);
        return done<"setUserDisabled">({ user: await show(await getUser(String(userId))) });
      }
      case "removeUser": {
        const user = await getUser(request.user);
        await accountRemoval.remove(user.userId, { retainedToo: request.retained });
        return done<"removeUser">({ user: await show(user) });
      }
      case "invite": {
        const { uses, days } = request;
        const { code, expiresAtMs } = await accounts.invite({ uses, lifetimeMs: days * dayMs });
        const { registration } = accounts;
        return done<"invite">({ code, uses, expires: isoTime(expiresAtMs), registration });
      }
      case "setPassword": {
        const user = await getUser(request.user);
        const { end } = request;
        await accounts.setPassword(user.userId, request.password, end === "none" ? undefined : end);
        return done<"setPassword">({ user: await show(user) });
      }
      case "resetUser": {
        const user = await getUser(request.user);
        const { code, expiresAtMs } = await accountCodes.forOperator(user);
        return done<"resetUser">({ user: await show(user), code, expires: isoTime(expiresAtMs) });
      }
      case "showUser":
        return showUser(await getUser(request.user));
      case "setLoginName": {
        const { userId } = await getUser(request.user);
        await loginNames.set(userId, request.login_name ?? undefined);
        return done<"setLoginName">({ user: await show(await getUser(String(userId))) });
      }
      case "userTopics": {
        const user = await getUser(request.user);
        const { own = null, groups } = await store.findTopics(`user:${user.userId}`);
        return done<"userTopics">({ user: await show(user), topics: own, groups: groups.map(showGroup) });
      }
      case "setUserTopics": {
        const user = await getUser(request.user);
        await topics.setOfUser(user.userId, request.topics ?? undefined);
        return done<"setUserTopics">({ user: await show(user) });
      }
      case "trustUser": {
        const { userId } = await getUser(request.user);
        await topics.trust(userId);
        return done<"trustUser">({ user: await show(await getUser(String(userId))) });
      }
      case "addGroup": {
        const { name } = request;
        if (await topics.addGroup(name, request.topics)) return done<"addGroup">({ name });
        throw new Unknown("group_exists", `there is a group ${name} already; roost group topics ${name} changes it`);
      }
      case "listGroups":
        return done<"listGroups">({ groups: (await store.listTopicGroups()).map(showGroup) });
      case "setGroup": {
        const { name } = request;
        if (await topics.setGroup(name, request.topics)) return done<"setGroup">({ name });
        throw noGroup(name);
      }
      case "removeGroup": {
        const { name } = request;
        if (await topics.removeGroup(name)) return done<"removeGroup">({ name });
        throw noGroup(name);
      }
      case "listGroupMembers": {
        const { name, after, limit } = request;
        const group = (await store.listTopicGroups()).find((one) => one.name === name);
        if (group === undefined) throw noGroup(name);
        const found = await store.listTopicGroupMembers({ name, after, limit: limit + 1 });
        const shown = found.slice(0, limit);
        const next = found.length > limit ? (shown.at(-1) ?? null) : null;
        const members = await Promise.all(shown.map(showOwner));
        return done<"listGroupMembers">({ group: showGroup(group), members, next });
      }
      case "changeGroupMembers": {
        const { name } = request;
        const add = await Promise.all(request.add.map(getOwnerKey));
        const remove = await Promise.all(request.remove.map(getOwnerKey));
        if (await topics.changeMembers(name, { add, remove })) return done<"changeGroupMembers">({ name });
        throw noGroup(name);
      }
      case "setDevice": {
        const { name, user } = request;
        const userId = user == null ? user : (await getUser(user)).userId;
        if (!(await devices.set(name, { patterns: request.topics, userId }))) throw noDevice(name);
        const device = devices.find(name);
        if (device === undefined) throw noDevice(name);
        return done<"setDevice">({ device: await showDevice(device) });
      }
      case "setDevicePassword": {
        const { name } = request;
        const changed = await devices.setPassword(name, request.password);
        if (changed === undefined) throw noDevice(name);
        return done<"setDevicePassword">({ name, password: changed.password ?? null });
      }
      case "addDevice": {
        const { name, certificate, publish, subscribe } = request;
        const user = request.user === undefined ? undefined : await getUser(request.user);
        const added = await devices.add({
          name,
          password: request.password,
          certificateSubject: certificate,
          publish,
          subscribe,
          userId: user?.userId,
          chats: await Promise.all((request.chats ?? []).map(toDeviceChat)),
        });
        return done<"addDevice">({ device: await showDevice(added.device), password: added.password ?? null });
      }
      case "listDevices": {
        const found = await store.listMqttDevices({ after: request.after, limit: request.limit + 1 });
        const shown = found.slice(0, request.limit);
        const next = found.length > request.limit ? (shown.at(-1)?.name ?? null) : null;
        return done<"listDevices">({ devices: await Promise.all(shown.map(showDevice)), next });
      }
      case "revokeDevice": {
        const { name } = request;
        if (await devices.revoke(name, { retainedToo: request.retained })) return done<"revokeDevice">({ name });
        throw noDevice(name);
      }
      case "addToken": {
        const { owner, name, scopes, lifetime_seconds: seconds } = request;
        const { secret, token } = await longTokens.add({
          ownerKey: await getOwnerKey(owner),
          name,
          scopes,
          lifetimeMs: seconds === undefined ? undefined : seconds * 1000,
          madeBy: "operator",
        });
        return done<"addToken">({ token: await showToken(token), secret });
      }
      case "listTokens": {
        const { owner, after, limit } = request;
        const ownerKey = owner === undefined ? undefined : await getOwnerKey(owner);
        const found = await longTokens.page({ ownerKey, after, limit: limit + 1 });
        const shown = found.slice(0, limit);
        const next = found.length > limit ? (shown.at(-1)?.tokenId ?? null) : null;
        return done<"listTokens">({ tokens: await Promise.all(shown.map(showToken)), next });
      }
      case "revokeToken": {
        const { token_id: tokenId } = request;
        await longTokens.revoke({ tokenId });
        return done<"revokeToken">({ token_id: tokenId });
      }
      case "addHook": {
        const { hook, path } = await hooks.add({ chat: await getChat(request.chat), name: request.name });
        return done<"addHook">({ hook: showHook(hook), path });
      }
      case "listHooks": {
        const { chat, after, limit } = request;
        const chatId = chat === undefined ? undefined : (await getChat(chat)).id;
        const found = await store.listHooks({ chatId, after, limit: limit + 1 });
        const shown = found.slice(0, limit);
        const next = found.length > limit ? (shown.at(-1)?.userId ?? null) : null;
        return done<"listHooks">({ hooks: shown.map(showHook), next });
      }
      case "removeHook": {
        const { chatKey } = await hooks.remove({ userId: request.hook_id });
        return done<"removeHook">({ hook_id: request.hook_id, chat: chatKey });
      }
      case "listClients": {
        const { of: name, after, limit } = request;
        const of = name === undefined ? undefined : await getAccount(name);
        const { page, next } = pageOf(connected(), { of, after, limit });
        const nowMs = parts.clock.seen().wallMs;
        const clients = await Promise.all(
          page.map((one) => showClient(one, nowMs, (userId) => store.findUser(userId))),
        );
        return done<"listClients">({ clients, next });
      }
      case "endClients": {
        const ended: { name: string; clients: number }[] = [];
        for (const name of request.names) {
          const account = await getAccount(name).catch(whereUnknown);
          ended.push({ name, clients: endClients(connected(), { account, clientId: name }) });
        }
        return done<"endClients">({ ended });
      }
      case "may": {
        const { name, action, topic, client_id: clientId } = request;
        const decision = await parts.checkPermission({ name, action, topic, clientId });
        if (decision === undefined) {
          return { ok: false, code: "device_not_found", message: `no device and no user ${name}` };
        }
        const { allowed, pattern, why } = decision;
        return done<"may">({ allowed, pattern: pattern ?? null, why });
      }
      case "showClock": {
        const { wallMs, stepsMs, lagMs, believedInMs } = parts.clock.seen();
        return done<"showClock">({
          time: isoTime(wallMs),
          set_by_seconds: secondsOf(stepsMs),
          lag_seconds: secondsOf(lagMs),
          believed_in_seconds: believedInMs === undefined ? null : secondsOf(believedInMs),
        });
      }
      case "acceptClock":
        return done<"acceptClock">({ passed_seconds: secondsOf(await parts.clock.accept()) });
      case "showKey": {
        const key = await accounts.describeBackendKey();
        if (key === undefined) return done<"showKey">({ key: null });
        const { fingerprint, createdAtMs } = key;
        const ageSeconds = Math.max(0, secondsOf(parts.clock.seen().wallMs - createdAtMs));
        return done<"showKey">({ key: { fingerprint, created: isoTime(createdAtMs), age_seconds: ageSeconds } });
      }
      case "rotateKey": {
        if (parts.backendKeyConfigured) {
          return {
            ok: false,
            code: "key_is_configured",
            message: "the backend key comes from the configuration (backend_key); change it there and restart",
          };
        }
        const backendKey = await accounts.rotateBackendKey();
        const fingerprint = (await accounts.describeBackendKey())?.fingerprint ?? "";
        return done<"rotateKey">({ backend_key: backendKey, fingerprint });
      }
    }
  }

  async function getUser(name: string): Promise<User> {
    const userId = safeInteger(name);
    const user = (await store.findUserByKey(name)) ?? (userId === undefined ? undefined : await store.findUser(userId));
    if (user !== undefined && isPerson(user)) return user;
    if (user !== undefined)
      throw new Unknown("user_not_found", `${user.userKey} is a ${user.kind}; ${removedBy[user.kind]} removes it`);
    // It is not enough here: strangers choose such names.
    const holder = await store.findUserByLoginName(name);
    const also = holder === undefined ? "" : `; ${holder.userKey} logs in by this name`;
    throw new Unknown("user_not_found", `no user ${name}${also}`);
  }

  async function getChat(name: string): Promise<{ id: ChatId }> {
    const id = safeInteger(name);
    const named = await store.findChat({ key: name }, undefined);
    const chat = named ?? (id === undefined ? undefined : await store.findChat({ id }, undefined));
    if (chat === undefined) throw new Unknown("chat_not_found", `no chat ${name}`);
    return { id: chat.chatId };
  }

  async function toDeviceChat({ chat, may }: { chat: string; may?: "read" | "write" | undefined }) {
    return { chat: await getChat(chat), allow: may === "write" ? ("send" as const) : may };
  }

  async function getAccount(name: string): Promise<ClientAccount> {
    return devices.find(name) === undefined ? { userId: (await getUser(name)).userId } : { device: name };
  }

  function connected(): Iterable<ListedClient> {
    if (parts.clients !== undefined) return parts.clients();
    throw new Unknown(
      "not_running",
      "no server runs on this data folder, so no client is connected; roost serve starts one",
    );
  }

  async function getOwnerKey(name: string): Promise<string> {
    return devices.find(name) === undefined ? `user:${(await getUser(name)).userId}` : `device:${name}`;
  }

  async function showOwner(ownerKey: string): Promise<{ kind: "device" | "user"; name: string }> {
    if (ownerKey.startsWith("device:")) return { kind: "device", name: ownerKey.slice("device:".length) };
    const id = ownerKey.slice("user:".length);
    return { kind: "user", name: (await store.findUser(Number(id)))?.userKey ?? `user.${id}` };
  }

  async function showToken(token: LongToken): Promise<OperatorToken> {
    const { kind, name } = await showOwner(token.ownerKey);
    const { lastUsedAtMs } = token;
    const expiresAtMs = longTokens.expiryOf(token);
    return {
      token_id: token.tokenId,
      user: kind === "user" ? name : null,
      device: kind === "device" ? name : null,
      name: token.name ?? null,
      scopes: token.scopes ?? null,
      made_by: token.madeBy,
      created: isoTime(token.createdAtMs),
      last_used: lastUsedAtMs === undefined ? null : isoTime(lastUsedAtMs),
      expires: expiresAtMs === undefined ? null : isoTime(expiresAtMs),
    };
  }

  async function showDevice(device: MqttDevice): Promise<OperatorDevice> {
    const { groups } = await store.findTopics(`device:${device.name}`);
    const user = device.userId === undefined ? undefined : await store.findUser(device.userId);
    return {
      name: device.name,
      certificate: device.certificateSubject ?? null,
      publish: device.publish ?? null,
      subscribe: device.subscribe ?? null,
      groups: groups.map(({ name }) => name),
      user: user?.userKey ?? null,
      chats: await showDeviceChats(device.member),
      created: isoTime(device.createdAtMs),
      ...seen(parts.isDeviceOnline(device.name), presence.lastSeenOfDevice(device.name) ?? device.lastSeenAtMs),
    };
  }

  async function showDeviceChats(member: DeviceMember | undefined): Promise<OperatorDeviceChat[]> {
    if (member === undefined) return [];
    const { userId, scopes } = member;
    const keys = new Set(scopes.flatMap((scope) => ("chat" in scope ? [scope.chat] : [])));
    const chats: OperatorDeviceChat[] = [];
    for (const key of keys) {
      // Its owner may have removed the device from it.
      const chat = await store.findChatOf(userId, { key });
      if (chat === undefined) continue;
      const opened = scopes.filter((scope) => "chat" in scope && scope.chat === key).map(({ allow }) => allow);
      const only = opened.length > 1 ? null : opened[0] === "send" ? "write" : "read";
      chats.push({ chat: chat.chatKey, may: only });
    }
    return chats;
  }

  /** Who is online is seen now. */
  const seen = (online: boolean, lastSeenAtMs: number | undefined): { online: boolean; last_seen: string | null } => ({
    online,
    last_seen: online ? isoTime(parts.clock.seen().wallMs) : lastSeenAtMs === undefined ? null : isoTime(lastSeenAtMs),
  });

  async function showUser(user: User) {
    return done<"showUser">({ user: await show(user), disk_bytes: await store.takenOfDisk(user.userId) });
  }

  async function show(user: User): Promise<OperatorUser> {
    return {
      user_id: user.userId,
      username: user.username ?? null,
      login_name: user.loginName ?? null,
      login_name_taken: (await loginNames.ofUser(user))?.taken ?? false,
      nick: user.nick,
      ...seen(parts.hub.isOnline(user.userId), user.lastSeenAtMs),
      created: isoTime(user.createdAtMs),
      disabled: user.disabled,
      made_by: user.madeBy,
    };
  }

  return { handle };
}

/** A name that does not fit: no user, device or group has it, or one has it already. */
class Unknown extends Error {
  readonly code: OperatorErrorCode;

  constructor(code: OperatorErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** A name that no account has. */
function whereUnknown(error: unknown): undefined {
  if (!(error instanceof Unknown)) throw error;
}

const removedBy = { person: "roost user rm", hook: "roost hook rm", device: "roost device revoke" } as const;
const noGroup = (name: string) => new Unknown("group_not_found", `no group ${name}; roost group list names them`);
const noDevice = (name: string) => new Unknown("device_not_found", `no device ${name}`);

const dayMs = 86_400_000;

const showGroup = ({ name, publish, subscribe, createdAtMs }: TopicGroup): OperatorGroup => ({
  name,
  publish,
  subscribe,
  created: isoTime(createdAtMs),
});

const showHook = ({ userId, chatKey, name, createdAtMs }: Hook): OperatorHook => ({
  hook_id: userId,
  chat: chatKey,
  name,
  created: isoTime(createdAtMs),
});

const done = <Op extends OperatorOp>(result: OperatorResults[Op]): OperatorAnswer => ({ ok: true, result });
const secondsOf = (ms: number): number => Math.round(ms / 1000);
const isoTime = (ms: number): string => new Date(ms).toISOString();
