/**
 * MQTT devices: things that speak MQTT under a name of their own, added by the operator. A device logs in with a
 * password or a client certificate. Topic patterns say what it may publish and subscribe to. All devices are in memory,
 * since the broker checks them for each topic; they change only through this module.
 */
import { canonicalName } from "../../lib/distinguished-name.ts";
import { DomainError } from "../errors.ts";
import { isReservedUserKey } from "../keys.ts";
import type { MqttDevice, Store } from "../store.ts";
import type { LoginGuard } from "./login-guard.ts";
import { newSecret } from "./new-secrets.ts";
import { type Passwords, passwordBytesMax } from "./passwords.ts";
import { deriveScramKeys } from "./scram-keys.ts";
import { equalHashes, hashSecret } from "./secrets.ts";

/** All devices are in memory and are read at the start. */
const devicesMax = 100_000;
const pageSize = 1000;
const patternsMax = 64;
const patternBytesMax = 1024;
const patternLevelsMax = 64;
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
}

export type Devices = ReturnType<typeof createDevices>;

export function createDevices(parts: { store: Store; passwords: Passwords; guard: LoginGuard }) {
  const { store, passwords, guard } = parts;
  const byName = new Map<string, MqttDevice>();
  const byCertificate = new Map<string, MqttDevice>();
  const listeners: ((device: MqttDevice) => void)[] = [];
  let version = 0;

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

  function remember(device: MqttDevice): void {
    byName.set(device.name, device);
    if (device.certificateSubject !== undefined) byCertificate.set(device.certificateSubject, device);
    version += 1;
  }

  /**
   * Adds a device. Gives the password where it was generated; it is shown only this once. Throws `invalid_name`,
   * `reserved_key`, `username_taken` (users and devices share their names), `invalid_device`, `busy`.
   */
  async function add(request: DeviceRequest): Promise<{ device: MqttDevice; password: string | undefined }> {
    const { name } = request;
    checkName(name);
    const noPatterns = request.publish === undefined && request.subscribe === undefined;
    const publish = noPatterns ? undefined : checkPatterns("publish", request.publish ?? []);
    const subscribe = noPatterns ? undefined : checkPatterns("subscribe", request.subscribe ?? []);
    const certificateSubject = checkSubject(request.certificateSubject);
    if (byName.size >= devicesMax) throw new DomainError("invalid_device", `there are ${devicesMax} already`);
    if (byName.has(name)) throw new DomainError("username_taken"); // before the costly hash; the store checks again
    const generated = request.password === undefined && certificateSubject === undefined ? newSecret("rd") : undefined;
    const device = await store.addMqttDevice({
      name,
      certificateSubject,
      publish,
      subscribe,
      ...(await credentialsOf(request.password, generated)),
    });
    remember(device);
    return { device, password: generated };
  }

  async function credentialsOf(chosen: string | undefined, generated: string | undefined) {
    if (chosen !== undefined) {
      if (chosen === "") throw new DomainError("empty_name_or_password");
      if (Buffer.byteLength(chosen) > passwordBytesMax) throw new DomainError("invalid_name", "password too long");
      return { passwordHash: await passwords.hash(chosen), scramKeys: await passwords.scramKeys(chosen) };
    }
    if (generated === undefined) return { passwordHash: undefined, scramKeys: undefined };
    return {
      passwordHash: fastHash + Buffer.from(hashSecret(generated)).toString("hex"),
      scramKeys: await deriveScramKeys(generated, "generated"),
    };
  }

  /**
   * Removes a device with its permissions. Its connections end with the promise. False where there is no such device.
   */
  async function revoke(name: string): Promise<boolean> {
    const removed = await store.removeMqttDevice(name);
    const device = byName.get(name);
    if (device !== undefined) {
      byName.delete(name);
      if (device.certificateSubject !== undefined) byCertificate.delete(device.certificateSubject);
      version += 1;
      for (const listener of listeners) listener(device);
    }
    return removed;
  }

  /** Throws `wrong_password`, `try_later`, `busy`. */
  async function logInWithPassword(name: string, login: { password: string; address: string }): Promise<MqttDevice> {
    const account = accountOf(name);
    guard.check(login.address, account);
    guard.tried(account);
    const device = byName.get(name);
    const right = await verify(name, login.password).catch((error: unknown) => {
      guard.untried(account); // too busy to check: no guess was made
      throw error;
    });
    // A device of the same name that was added meanwhile has another password.
    return concluded(name, { address: login.address, right: right && byName.get(name) === device });
  }

  async function verify(name: string, password: string): Promise<boolean> {
    const hash = await store.findMqttDevicePassword(name);
    if (hash === undefined || !hash.startsWith(fastHash)) return passwords.verify(password, hash);
    if (equalHashes(Buffer.from(hash.slice(fastHash.length), "hex"), hashSecret(password))) return true;
    return passwords.verify(password, undefined); // Always wrong, and takes as long as for an unknown name.
  }

  /** Records a log-in whose password proof was checked (SCRAM). Throws `wrong_password`, `try_later`. */
  function logInWithProof(name: string, { address, right }: { address: string; right: boolean }): MqttDevice {
    guard.check(address, accountOf(name));
    if (!right) guard.tried(accountOf(name));
    return concluded(name, { address, right });
  }

  function concluded(name: string, { address, right }: { address: string; right: boolean }): MqttDevice {
    const device = byName.get(name);
    if (!right || device === undefined) {
      guard.failed(address);
      throw new DomainError("wrong_password");
    }
    guard.succeeded(accountOf(name));
    return device;
  }

  return {
    load,
    add,
    revoke,
    logInWithPassword,
    logInWithProof,
    find: (name: string): MqttDevice | undefined => byName.get(name),
    /** `subject` is canonical. */
    findByCertificate: (subject: string): MqttDevice | undefined => byCertificate.get(subject),
    /** By rising name. */
    list: (): MqttDevice[] => [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
    /** Changes whenever the permissions of a device change. */
    version: (): number => version,
    /** The listener is called after the commit; it must not throw. */
    onRevoked: (listener: (device: MqttDevice) => void): void => void listeners.push(listener),
  };
}

/** Wrong secrets are counted apart from those of a user: no user can have the name now, but one may have had it. */
const accountOf = (name: string): string => `device:${name}`;

function checkName(name: string): void {
  if (!namePattern.test(name)) {
    throw new DomainError("invalid_name", "a device's name must match [a-zA-Z0-9._-]{1,128}");
  }
  // The door reads these names as a user, or as no name at all.
  if (isReservedUserKey(name) || /^\d+$/.test(name) || name === "api") {
    throw new DomainError("reserved_key", "user.<number>, bare numbers and api are reserved");
  }
}

function checkPatterns(action: string, patterns: readonly string[]): readonly string[] {
  if (patterns.length > patternsMax) {
    throw new DomainError("invalid_device", `more than ${patternsMax} patterns to ${action}`);
  }
  for (const pattern of patterns) {
    if (!isPattern(pattern)) {
      throw new DomainError("invalid_device", `the pattern to ${action} ${JSON.stringify(pattern)} is no topic filter`);
    }
  }
  return patterns;
}

/**
 * Whether the text is a topic filter of MQTT § 4.7, not a shared one: `+` is a whole level, `#` is a whole level and
 * the last.
 */
function isPattern(pattern: string): boolean {
  if (pattern === "" || pattern.includes("\u0000") || !pattern.isWellFormed()) return false;
  if (Buffer.byteLength(pattern) > patternBytesMax) return false;
  const levels = pattern.split("/");
  if (levels.length > patternLevelsMax || levels[0] === "$share") return false;
  return levels.every((level, at) => {
    if (level === "#") return at === levels.length - 1;
    return level === "+" || !/[+#]/.test(level);
  });
}

function checkSubject(subject: string | undefined): string | undefined {
  if (subject === undefined) return undefined;
  const canonical = canonicalName(subject);
  if (canonical === undefined) {
    throw new DomainError("invalid_device", "the certificate's subject must look like CN=sensor-1,O=Acme (RFC 4514)");
  }
  return canonical;
}
