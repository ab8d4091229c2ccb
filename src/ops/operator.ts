/**
 * What the operator's commands may ask of the data: a closed set of plain functions over the domain. A running server
 * answers them on a Unix socket in the data folder, so no command needs a password. Without a server the command opens
 * the store itself and calls the same functions. A process that may open the socket can read the data anyway; even so
 * every request is validated.
 */
import { z } from "zod";
import type { Hub } from "../delivery/hub.ts";
import type { Domain } from "../domain/domain.ts";
import { DomainError, type DomainErrorCode } from "../domain/errors.ts";
import { safeInteger } from "../domain/keys.ts";
import type { User } from "../domain/model.ts";
import type { MqttDevice } from "../domain/store.ts";

const password = z.string().min(1).max(1024);
const deviceName = z.string().min(1).max(256);
const patterns = z.array(z.string().min(1).max(1024)).max(64);

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
  /** `user` as below. */
  z.strictObject({ op: z.literal("setUserDisabled"), user: z.string().min(1).max(256), disabled: z.boolean() }),
  z.strictObject({ op: z.literal("removeUser"), user: z.string().min(1).max(256) }),
  z.strictObject({
    op: z.literal("invite"),
    uses: z.int().min(1).max(100_000).default(1),
    days: z.int().min(1).max(3650).default(7),
  }),
  z.strictObject({ op: z.literal("setPassword"), user: z.string().min(1).max(256), password }),
  z.strictObject({
    op: z.literal("addDevice"),
    name: deviceName,
    /** Generated where neither a password nor a certificate is given. */
    password: password.optional(),
    certificate: z.string().min(1).max(1024).optional(),
    publish: patterns.optional(),
    subscribe: patterns.optional(),
  }),
  z.strictObject({
    op: z.literal("listDevices"),
    /** Devices with a higher name follow. Pass the last name of a page to get the next page. */
    after: z.string().max(256).default(""),
    limit: z.int().min(1).max(1000).default(100),
  }),
  z.strictObject({ op: z.literal("revokeDevice"), name: deviceName }),
  /** `name` is a device's name, or a user's as above. */
  z.strictObject({
    op: z.literal("may"),
    name: deviceName,
    action: z.enum(["publish", "subscribe"]),
    topic: z.string().min(1).max(4096),
    client_id: z.string().max(65_535).optional(),
  }),
  z.strictObject({ op: z.literal("showKey") }),
  z.strictObject({ op: z.literal("rotateKey") }),
]);

export type OperatorRequest = z.input<typeof operatorRequest>;

export interface OperatorUser {
  readonly user_id: number;
  readonly username: string | null;
  readonly nick: string;
  readonly online: boolean;
  /** ISO 8601, UTC. */
  readonly last_seen: string | null;
  readonly created: string;
  readonly disabled: boolean;
}

export interface OperatorDevice {
  readonly name: string;
  readonly certificate: string | null;
  /** Null: everything outside the reserved prefixes. */
  readonly publish: readonly string[] | null;
  readonly subscribe: readonly string[] | null;
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

/** What each operation gives when it succeeds. */
export interface OperatorResults {
  addUser: { readonly user: OperatorUser };
  /** `next` is the `after` of the next page; null at the end. */
  listUsers: { readonly users: readonly OperatorUser[]; readonly next: number | null };
  setUserDisabled: { readonly user: OperatorUser };
  /** The user as they were before. */
  removeUser: { readonly user: OperatorUser };
  /** `code` is shown only this once. */
  invite: { readonly code: string; readonly uses: number; readonly expires: string };
  setPassword: { readonly user: OperatorUser };
  /** `password` is shown only this once; null where it was not generated. */
  addDevice: { readonly device: OperatorDevice; readonly password: string | null };
  listDevices: { readonly devices: readonly OperatorDevice[]; readonly next: string | null };
  revokeDevice: { readonly name: string };
  may: { readonly allowed: boolean; readonly pattern: string | null; readonly why: string };
  showKey: { readonly key: OperatorKey | null };
  rotateKey: { readonly backend_key: string; readonly fingerprint: string };
}

export type OperatorOp = keyof OperatorResults;
/** The arguments of each operation, besides its name. */
export type OperatorDetails = { [Op in OperatorOp]: Omit<Extract<OperatorRequest, { op: Op }>, "op"> };
export type OperatorErrorCode = DomainErrorCode | "bad_request" | "device_not_found" | "key_is_configured" | "internal";
export type OperatorRefusal = { readonly ok: false; readonly code: OperatorErrorCode; readonly message: string };
export type OperatorAnswer = { readonly ok: true; readonly result: OperatorResults[OperatorOp] } | OperatorRefusal;

export type Operator = ReturnType<typeof createOperator>;

export function createOperator(parts: {
  domain: Domain;
  hub: Hub;
  checkPermission: PermissionCheck;
  /** The configuration fixes the key. A rotated key would not survive the next start, so rotation is refused. */
  backendKeyConfigured?: boolean;
  /** Called with a failure of our own; the answer says only "internal". */
  onFailure?: (error: unknown) => void;
}) {
  const { accounts, accountRemoval, devices, store } = parts.domain;

  /** Never throws: every refusal is an answer. */
  async function handle(request: unknown): Promise<OperatorAnswer> {
    const parsed = operatorRequest.safeParse(request);
    if (!parsed.success) return { ok: false, code: "bad_request", message: z.prettifyError(parsed.error) };
    try {
      return await perform(parsed.data);
    } catch (error) {
      if (error instanceof Unknown) return { ok: false, code: "user_not_found", message: error.message };
      if (error instanceof DomainError) return { ok: false, code: error.code, message: error.message };
      parts.onFailure?.(error);
      return { ok: false, code: "internal", message: "the server failed; its log says why" };
    }
  }

  async function perform(request: z.output<typeof operatorRequest>): Promise<OperatorAnswer> {
    switch (request.op) {
      case "addUser":
        return done<"addUser">({ user: show(await accounts.add(request)) });
      case "listUsers": {
        // One more than asked for, to learn whether there is a next page.
        const found = await store.listUsers({ after: request.after, limit: request.limit + 1, disabledToo: true });
        const users = found.slice(0, request.limit);
        const next = found.length > request.limit ? (users.at(-1)?.userId ?? null) : null;
        return done<"listUsers">({ users: users.map(show), next });
      }
      case "setUserDisabled": {
        const { userId } = await getUser(request.user);
        if (request.disabled) await accountRemoval.disable(userId);
        else await accountRemoval.enable(userId);
        return done<"setUserDisabled">({ user: show(await getUser(String(userId))) });
      }
      case "removeUser": {
        const user = await getUser(request.user);
        await accountRemoval.remove(user.userId);
        return done<"removeUser">({ user: show(user) });
      }
      case "invite": {
        const { uses, days } = request;
        const { code, expiresAtMs } = await accounts.invite({ uses, lifetimeMs: days * dayMs });
        return done<"invite">({ code, uses, expires: isoTime(expiresAtMs) });
      }
      case "setPassword": {
        const user = await getUser(request.user);
        await accounts.setPassword(user.userId, request.password);
        return done<"setPassword">({ user: show(user) });
      }
      case "addDevice": {
        const { name, certificate, publish, subscribe } = request;
        const added = await devices.add({
          name,
          password: request.password,
          certificateSubject: certificate,
          publish,
          subscribe,
        });
        return done<"addDevice">({ device: showDevice(added.device), password: added.password ?? null });
      }
      case "listDevices": {
        const found = await store.listMqttDevices({ after: request.after, limit: request.limit + 1 });
        const shown = found.slice(0, request.limit);
        const next = found.length > request.limit ? (shown.at(-1)?.name ?? null) : null;
        return done<"listDevices">({ devices: shown.map(showDevice), next });
      }
      case "revokeDevice": {
        const { name } = request;
        if (await devices.revoke(name)) return done<"revokeDevice">({ name });
        return { ok: false, code: "device_not_found", message: `no device ${name}` };
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
      case "showKey": {
        const key = await accounts.describeBackendKey();
        if (key === undefined) return done<"showKey">({ key: null });
        const { fingerprint, createdAtMs } = key;
        const ageSeconds = Math.max(0, Math.floor((Date.now() - createdAtMs) / 1000));
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
    if (user === undefined) throw new Unknown(`no user ${name}`);
    return user;
  }

  const show = (user: User): OperatorUser => ({
    user_id: user.userId,
    username: user.username ?? null,
    nick: user.nick,
    online: parts.hub.isOnline(user.userId),
    last_seen: user.lastSeenAtMs === undefined ? null : isoTime(user.lastSeenAtMs),
    created: isoTime(user.createdAtMs),
    disabled: user.disabled,
  });

  return { handle };
}

/** A name that no user and no device has. */
class Unknown extends Error {}

const dayMs = 86_400_000;

const showDevice = (device: MqttDevice): OperatorDevice => ({
  name: device.name,
  certificate: device.certificateSubject ?? null,
  publish: device.publish ?? null,
  subscribe: device.subscribe ?? null,
  created: isoTime(device.createdAtMs),
});

const done = <Op extends OperatorOp>(result: OperatorResults[Op]): OperatorAnswer => ({ ok: true, result });
const isoTime = (ms: number): string => new Date(ms).toISOString();
