/** MQTT devices: what may be one, how it logs in, and that revoking it is told. */
import { expect, test } from "bun:test";
import { DomainError } from "../../../src/domain/errors.ts";
import { createDevices, type DeviceRequest } from "../../../src/domain/people/devices.ts";
import { createPasswordCheck } from "../../../src/domain/people/password-check.ts";
import { createPasswords, type Passwords } from "../../../src/domain/people/passwords.ts";
import type { NewMqttDevice, Store } from "../../../src/domain/store.ts";
import { until } from "../../support/deadline.ts";
import { createTestGuard } from "../../support/login-guard.ts";
import { createManualClock } from "../../support/manual-clock.ts";

async function stage(found: readonly NewMqttDevice[] = []) {
  const stored = new Map(found.map((device) => [device.name, device]));
  const store: Partial<Store> = {
    async addMqttDevice(device) {
      stored.set(device.name, device);
      return { ...device, member: undefined, createdAtMs: 1, lastSeenAtMs: undefined };
    },
    removeMqttDevice: async (name) => stored.delete(name),
    listMqttDevices: async ({ after, limit }) =>
      [...stored.values()]
        .filter(({ name }) => name > after)
        .sort((a, b) => (a.name < b.name ? -1 : 1))
        .slice(0, limit)
        .map((device) => ({ ...device, member: undefined, createdAtMs: 1, lastSeenAtMs: undefined })),
    onEvent: () => {},
    findMqttDevicePassword: async (name) => stored.get(name)?.passwordHash,
  };
  let looks = 0;
  let looking: Promise<void> = Promise.resolve();
  const passwords: Passwords = {
    accept: createPasswords().accept,
    hash: async (password) => `slow ${password}`,
    async verify(password, hash) {
      looks += 1;
      await looking;
      return hash === `slow ${password}`;
    },
    scramKeys: async () => undefined,
  };
  const clock = createManualClock();
  const guard = createTestGuard(clock, { limits: { failuresPerAccountHour: 3 } });
  const passwordCheck = createPasswordCheck({ guard, passwords, clock });
  const devices = createDevices({ store: store as Store, passwords, passwordCheck, guard });
  await devices.load();
  const codeOf = (work: Promise<unknown>) =>
    work.then(
      () => "in",
      (error: unknown) => (error instanceof DomainError ? error.code : error),
    );
  const logIn = (name: string, password: string) =>
    codeOf(devices.logInWithPassword(name, { password, address: "127.0.0.1" }));
  /** Passwords take until the answer is called. */
  const holdLooks = (): (() => void) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    looking = promise;
    return resolve;
  };
  const add = (request: DeviceRequest) => codeOf(devices.add(request));
  return { devices, stored, logIn, add, holdLooks, looks: () => looks };
}

test("a generated password is told once, stored as a fast hash, and checked without the slow one", async () => {
  const { devices, stored, logIn, looks } = await stage();
  const { device, password = "" } = await devices.add({ name: "sensor_1" });
  expect(password).toMatch(/^rd_[\w-]{32}$/);
  expect(device).toMatchObject({ name: "sensor_1", publish: undefined, subscribe: undefined });
  expect(stored.get("sensor_1")?.passwordHash).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(stored.get("sensor_1")?.scramKeys?.iterations).toBe(4096);
  expect([await logIn("sensor_1", password), looks()]).toEqual(["in", 0]);
  // A wrong one costs what it costs for nobody.
  expect([await logIn("sensor_1", "wrong"), looks()]).toEqual(["wrong_password", 1]);
});

test("a chosen password costs the slow hash, and a device with a certificate alone has none", async () => {
  const { devices, stored, logIn } = await stage();
  expect((await devices.add({ name: "lamp", password: "well chosen" })).password).toBeUndefined();
  expect(stored.get("lamp")?.passwordHash).toBe("slow well chosen");
  expect([await logIn("lamp", "well chosen"), await logIn("lamp", "other")]).toEqual(["in", "wrong_password"]);
  const { device, password } = await devices.add({ name: "gate", certificateSubject: "cn=gate, o=Acme" });
  expect([device.certificateSubject, password]).toEqual(["CN=gate,O=Acme", undefined]);
  expect(await logIn("gate", "")).toBe("wrong_password");
  expect(devices.findByCertificate("CN=gate,O=Acme")).toBe(device);
});

test("wrong secrets are counted for the device, proofs among them", async () => {
  const { devices, logIn } = await stage();
  await devices.add({ name: "lamp", password: "well chosen" });
  const prove = (right: boolean) => devices.logInWithProof("lamp", { address: "127.0.0.1", right });
  expect(await logIn("lamp", "a")).toBe("wrong_password");
  await expect(prove(false)).rejects.toThrow("wrong_password");
  expect(await logIn("lamp", "b")).toBe("wrong_password");
  await expect(prove(false)).rejects.toThrow("try_later");
  await expect(prove(true)).rejects.toThrow("try_later");
  expect(await logIn("lamp", "well chosen")).toBe("try_later");
});

test("a generated password passes whatever others showed, and so does a proof of it", async () => {
  const { devices, logIn } = await stage();
  const { password = "" } = await devices.add({ name: "lamp" });
  const prove = (right: boolean) => devices.logInWithProof("lamp", { address: "127.0.0.1", right });
  for (const wrong of ["a", "b", "c"]) expect(await logIn("lamp", wrong)).toBe("wrong_password");
  expect(await logIn("lamp", "d")).toBe("try_later");
  await expect(prove(false)).rejects.toThrow("try_later");
  expect(await logIn("lamp", password)).toBe("in");
  expect(await prove(true)).toMatchObject({ name: "lamp" });
});

test("patterns in one direction leave nothing in the other", async () => {
  const { devices } = await stage();
  const only = await devices.add({ name: "a", publish: ["s/%u/#"] });
  expect(only.device).toMatchObject({ publish: ["s/%u/#"], subscribe: [] });
  const both = await devices.add({ name: "b", publish: ["+"], subscribe: ["#", "a/+/b", "/", "$SYS/#"] });
  expect(both.device.subscribe).toEqual(["#", "a/+/b", "/", "$SYS/#"]);
});

test.each([
  [{ name: "" }, "invalid_name"],
  [{ name: "a b" }, "invalid_name"],
  [{ name: "a/b" }, "invalid_name"],
  [{ name: "#" }, "invalid_name"],
  [{ name: "x".repeat(129) }, "invalid_name"],
  [{ name: "user.1" }, "reserved_key"],
  [{ name: "10001" }, "reserved_key"],
  [{ name: "api" }, "reserved_key"],
  [{ name: "a", password: "" }, "empty_name_or_password"],
  [{ name: "a", password: "1234567" }, "password_too_short"],
  [{ name: "a", password: "x".repeat(1025) }, "invalid_name"],
  [{ name: "a", certificateSubject: "sensor" }, "invalid_device"],
  [{ name: "a", publish: [""] }, "invalid_device"],
  [{ name: "a", publish: ["a/#/b"] }, "invalid_device"],
  [{ name: "a", publish: ["a+"] }, "invalid_device"],
  [{ name: "a", subscribe: ["a/b#"] }, "invalid_device"],
  [{ name: "a", subscribe: ["$share/g/a"] }, "invalid_device"],
  [{ name: "a", subscribe: ["a\u0000"] }, "invalid_device"],
  [{ name: "a", subscribe: ["x".repeat(1025)] }, "invalid_device"],
  [{ name: "a", subscribe: ["/".repeat(64)] }, "invalid_device"],
  [{ name: "a", subscribe: new Array(65).fill("a") }, "invalid_device"],
] as const)("%j is refused with %s", async (request, code) => {
  const { add, stored } = await stage();
  expect([await add(request), stored.size]).toEqual([code, 0]);
});

test("a revoked device is unknown at once, and listeners are told", async () => {
  const { devices, logIn } = await stage();
  const { device, password = "" } = await devices.add({ name: "lamp" });
  await devices.add({ name: "gate", certificateSubject: "CN=gate" });
  const told: string[] = [];
  devices.onRevoked(({ name }) => told.push(name));
  const before = devices.version();
  expect([await devices.revoke("lamp"), await devices.revoke("lamp"), await devices.revoke("gate")]).toEqual([
    true,
    false,
    true,
  ]);
  expect(told).toEqual(["lamp", "gate"]);
  expect(devices.version()).toBeGreaterThan(before);
  expect([devices.find("lamp"), devices.findByCertificate("CN=gate"), devices.list()]).toEqual([
    undefined,
    undefined,
    [],
  ]);
  expect(await logIn("lamp", password)).toBe("wrong_password");
  const again = await devices.add({ name: "lamp" });
  expect(again.device).not.toBe(device);
});

test("a password of the device before does not open the one that took its name meanwhile", async () => {
  const { devices, logIn, holdLooks, looks } = await stage();
  await devices.add({ name: "lamp", password: "the old one" });
  const goOn = holdLooks();
  const loggingIn = logIn("lamp", "the old one");
  await until("the password is looked at", () => looks() === 1);
  await devices.revoke("lamp");
  await devices.add({ name: "lamp", password: "the new one" });
  goOn();
  expect(await loggingIn).toBe("wrong_password");
  expect(await logIn("lamp", "the old one")).toBe("wrong_password");
  expect(await logIn("lamp", "the new one")).toBe("in");
});

test("those stored earlier are known after loading, page by page", async () => {
  const found = Array.from(
    { length: 2500 },
    (_, n): NewMqttDevice => ({
      name: `d${n}`,
      passwordHash: undefined,
      certificateSubject: `CN=${n}`,
      publish: undefined,
      subscribe: undefined,
      userId: undefined,
      scramKeys: undefined,
    }),
  );
  const { devices } = await stage(found);
  expect(devices.list()).toHaveLength(2500);
  expect(devices.findByCertificate("CN=2499")?.name).toBe("d2499");
});
