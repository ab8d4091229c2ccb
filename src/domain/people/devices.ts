/**
 * MQTT devices: things that speak MQTT under a name of their own, added by the operator. A device logs in with a
 * password or a client certificate. Topic patterns say what it may publish and subscribe to. All devices are in memory,
 * since the broker checks them for each topic; they change only through this module.
 */
import { canonicalName } from "../../lib/distinguished-name.ts";
import { DomainError } from "../errors.ts";
import { isPlainNumber, isReservedUserKey, tokenUsername } from "../keys.ts";
import type { MqttDevice, UserId } from "../model.ts";
import type { NewDeviceChat, Store } from "../store.ts";
import type { LoginGuard } from "./login-guard.ts";
import { newSecret } from "./new-secrets.ts";
import type { PasswordCheck } from "./password-check.ts";
import { byOperator, type Passwords } from "./passwords.ts";
import { deriveScramKeys } from "./scram-keys.ts";
import { equalHashes, hashSecret } from "./secrets.ts";
import { checkPatterns, type PatternsRequest } from "./topic-patterns.ts";
import type { TopicPatterns } from "./topic-store.ts";

/** All devices are in memory and are read at the start. */
const devicesMax = 100_000;
const pageSize = 1000;
const chatsMax = 32;
const namePattern = /^[a-zA-Z0-9._-]{1,128}$/;
/** A generated password is stored as its SHA-256, a chosen one as argon2id. */
const fastHash = "sha256:";

export interface DeviceRequest {
  readonly name: string;
  /** Chosen by the operator. Without one a password is generated, unless the device has a certificate. */
  readonly password?: string | undefined;
  /** As RFC 4514 writes it. */
  readonly certificateSubject?: string | undefined;
  /**
   * Topic filters with `%u` (the device's name) and `%c` (its client id). With only one of the two lists, the other
   * direction is forbidden.
   */
  readonly publish?: readonly string[] | undefined;
  readonly subscribe?: readonly string[] | undefined;
  /** The user in whose name the device writes to chats. */
  readonly userId?: UserId | undefined;
  /** Groups that the device itself is a member of. */
  readonly chats?: readonly NewDeviceChat[] | undefined;
}

export interface DeviceChange {
  /** Null: everything outside the reserved prefixes. */
  readonly patterns?: PatternsRequest | null | undefined;
  /** Null: no user. */
  readonly userId?: UserId | null | undefined;
}

export interface Device extends MqttDevice {
  /** The same for a device as long as it is there; a later device of the same name has another one. */
  readonly incarnation: number;
  /** Moves when the password changes. */
  readonly passwordNumber: number;
}

export type Devices = ReturnType<typeof createDevices>;

export function createDevices(parts: {
  store: Store;
  passwords: Passwords;
  passwordCheck: PasswordCheck;
  guard: LoginGuard;
}) {
  const { store, passwords, guard } = parts;
  const byName = new Map<string, Device>();
  const byCertificate = new Map<string, Device>();
  const listeners: ((device: Device) => void)[] = [];
  let version = 0;
  let lastIncarnation = 0;

  store.onEvent("device.changed", ({ device, newPassword }) => {
    remember(device, { newPassword });
  });

  /** Reads the stored devices. Before that no device is found. */
  async function load(): Promise<void> {
    for (let after = ""; ; ) {
      const page = await store.listMqttDevices({ after, limit: pageSize });
      for (const device of page) remember(device);
      const last = page.at(-1);
      if (last === undefined || page.length < pageSize) return;
      after = last.name;
    }
  }

  function remember(device: MqttDevice, { newPassword = false } = {}): Device {
    const known = byName.get(device.name);
    const { incarnation = ++lastIncarnation, passwordNumber = 0 } = known ?? {};
    const remembered = { ...device, incarnation, passwordNumber: passwordNumber + (newPassword ? 1 : 0) };
    byName.set(device.name, remembered);
    if (device.certificateSubject !== undefined) byCertificate.set(device.certificateSubject, remembered);
    version += 1;
    return remembered;
  }

  /**
   * Adds a device. Gives the password where it was generated; it is shown only this once. Throws `invalid_name`,
   * `reserved_key`, `username_taken` (users and devices share their names), `invalid_device`,
   * `empty_name_or_password`, `password_too_short`, `busy`, and of its chats what the store throws.
   */
  async function add(request: DeviceRequest): Promise<{ device: Device; password: string | undefined }> {
    const { name } = request;
    checkName(name);
    const { publish, subscribe } = patternsOf(request);
    const certificateSubject = checkSubject(request.certificateSubject);
    if ((request.chats?.length ?? 0) > chatsMax) {
      throw new DomainError("invalid_device", `a device is a member of at most ${chatsMax} chats`);
    }
    if (byName.size >= devicesMax) throw new DomainError("invalid_device", `there are ${devicesMax} already`);
    if (byName.has(name)) throw new DomainError("username_taken"); // before the costly hash; the store checks again
    const generated = request.password === undefined && certificateSubject === undefined ? newSecret("rd") : undefined;
    const device = await store.addMqttDevice({
      name,
      certificateSubject,
      publish,
      subscribe,
      userId: request.userId,
      chats: request.chats,
      ...(await credentialsOf(request.password, generated)),
    });
    return { device: remember(device), password: generated };
  }

  /**
   * Changes what a device may do; what is not given stays. Open connections, queued messages and wills feel it at once.
   * False where there is no such device. Throws `invalid_device`, `user_not_found`.
   */
  async function set(name: string, change: DeviceChange): Promise<boolean> {
    const { patterns, userId } = change;
    const checked = patterns == null ? patterns : checkPatterns(patterns);
    return (await store.setMqttDevice({ name, patterns: checked, userId })) !== undefined;
  }

  /**
   * Sets the password of a device, or makes one, which is given and shown only this once. Connections that came by the
   * old one end with the promise; sessions and their queues stay. Undefined where there is no such device.
   */
  async function setPassword(name: string, chosen?: string): Promise<{ password: string | undefined } | undefined> {
    if (!byName.has(name)) return undefined;
    const generated = chosen === undefined ? newSecret("rd") : undefined;
    const credentials = await credentialsOf(chosen, generated);
    const changed = await store.setMqttDevicePassword({ name, ...credentials });
    return changed ? { password: generated } : undefined;
  }

  async function credentialsOf(chosen: string | undefined, generated: string | undefined) {
    if (chosen !== undefined) {
      passwords.accept(chosen);
      return {
        passwordHash: await passwords.hash(chosen, byOperator),
        scramKeys: await passwords.scramKeys(chosen, byOperator),
      };
    }
    if (generated === undefined) return { passwordHash: undefined, scramKeys: undefined };
    return {
      passwordHash: fastHash + Buffer.from(hashSecret(generated)).toString("hex"),
      scramKeys: await deriveScramKeys(generated, "generated"),
    };
  }

  /**
   * Removes a device with its permissions, and the messages that it retained where that is asked for. Its connections end
   * with the promise. False where there is no such device.
   */
  async function revoke(name: string, how?: { readonly retainedToo?: boolean }): Promise<boolean> {
    const removed = await store.removeMqttDevice(name, how);
    const device = byName.get(name);
    if (device !== undefined) {
      byName.delete(name);
      if (device.certificateSubject !== undefined) byCertificate.delete(device.certificateSubject);
      version += 1;
      guard.networks.forget(accountOf(name));
      for (const listener of listeners) listener(device);
    }
    return removed;
  }

  /** Throws `wrong_password`, `try_later`, `busy`. */
  async function logInWithPassword(name: string, login: { password: string; address: string }): Promise<Device> {
    const { password, address } = login;
    const device = byName.get(name);
    const stored = await store.findMqttDevicePassword(name);
    const generated = isGenerated(stored) ? stored : undefined;
    const right =
      (generated !== undefined && fitsGenerated(generated, password)) ||
      // A wrong one takes as long whatever the device has.
      (await parts.passwordCheck.isRight({
        subject: accountOf(name),
        exists: true,
        hash: generated === undefined ? stored : undefined,
        password,
        address,
      }));
    return concluded(name, { address, right: right && isStill(device), chosen: generated === undefined });
  }

  /** Records a log-in whose password proof was checked (SCRAM). Throws `wrong_password`, `try_later`. */
  async function logInWithProof(name: string, login: { address: string; right: boolean }): Promise<Device> {
    const { address, right } = login;
    const device = byName.get(name);
    const account = accountOf(name);
    const chosen = !isGenerated(await store.findMqttDevicePassword(name));
    if (chosen || !right) await guard.proved({ kind: "password", subject: account, account, address }, right);
    return concluded(name, { address, right: right && isStill(device), chosen });
  }

  /** Otherwise the password changed meanwhile, or a device of the same name was added. */
  function isStill(device: Device | undefined): boolean {
    const now = device === undefined ? undefined : byName.get(device.name);
    return now?.incarnation === device?.incarnation && now?.passwordNumber === device?.passwordNumber;
  }

  function concluded(name: string, login: { address: string; right: boolean; chosen: boolean }): Device {
    const device = byName.get(name);
    if (!login.right || device === undefined) throw new DomainError("wrong_password");
    if (login.chosen) guard.networks.loggedIn(accountOf(name), login.address);
    return device;
  }

  return {
    load,
    add,
    set,
    setPassword,
    revoke,
    logInWithPassword,
    logInWithProof,
    find: (name: string): Device | undefined => byName.get(name),
    /** `subject` is canonical. */
    findByCertificate: (subject: string): Device | undefined => byCertificate.get(subject),
    /** By rising name. */
    list: (): Device[] => [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
    /** Changes whenever the permissions of a device change. */
    version: (): number => version,
    /** The listener is called after the commit; it must not throw. */
    onRevoked: (listener: (device: Device) => void): void => void listeners.push(listener),
  };
}

const isGenerated = (stored: string | undefined): stored is string => stored?.startsWith(fastHash) === true;

const fitsGenerated = (stored: string, password: string): boolean =>
  equalHashes(Buffer.from(stored.slice(fastHash.length), "hex"), hashSecret(password));

/** Wrong secrets are counted apart from those of a user: no user can have the name now, but one may have had it. */
const accountOf = (name: string): string => `device:${name}`;

function checkName(name: string): void {
  if (!namePattern.test(name)) {
    throw new DomainError("invalid_name", "a device's name must match [a-zA-Z0-9._-]{1,128}");
  }
  // The door reads these names as a user, or as no name at all.
  if (isReservedUserKey(name) || isPlainNumber(name) || name === tokenUsername) {
    throw new DomainError("reserved_key", "user.<number>, bare numbers and api are reserved");
  }
}

/** With only one of the two lists, the other direction is forbidden; with none, the default applies. */
function patternsOf(request: PatternsRequest): Partial<TopicPatterns> {
  return request.publish === undefined && request.subscribe === undefined ? {} : checkPatterns(request);
}

function checkSubject(subject: string | undefined): string | undefined {
  if (subject === undefined) return undefined;
  const canonical = canonicalName(subject);
  if (canonical === undefined) {
    throw new DomainError("invalid_device", "the certificate's subject must look like CN=sensor-1,O=Acme (RFC 4514)");
  }
  return canonical;
}
