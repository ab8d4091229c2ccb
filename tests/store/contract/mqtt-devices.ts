/** MQTT devices, the names they share with users, and the keys of passwords. */
import { expect, test } from "bun:test";
import type { ScramKeys } from "../../../src/domain/people/scram-keys.ts";
import type { NewMqttDevice } from "../../../src/domain/store.ts";
import { alsoAfterReopening, expectRefusal, type OpenFresh, people } from "./stage.ts";

const keysOf = (byte: number): ScramKeys => ({
  salt: new Uint8Array(16).fill(byte),
  iterations: 4096 + byte,
  storedKey: new Uint8Array(32).fill(byte + 1),
  serverKey: new Uint8Array(32).fill(byte + 2),
});

const device = (name: string, more: Partial<NewMqttDevice> = {}): NewMqttDevice => ({
  name,
  passwordHash: undefined,
  certificateSubject: undefined,
  publish: undefined,
  subscribe: undefined,
  scramKeys: undefined,
  ...more,
});

/** Buffers and arrays of the same bytes are the same. */
const plain = (keys: ScramKeys | undefined) =>
  keys === undefined ? undefined : [[...keys.salt], keys.iterations, [...keys.storedKey], [...keys.serverKey]];

export function deviceContract(openFresh: OpenFresh): void {
  test("a device comes back as made, with its password and keys", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    const sensor = await store.addMqttDevice(
      device("sensor", {
        passwordHash: "sha256:00",
        certificateSubject: "CN=sensor",
        publish: ["a/%u/#", "b"],
        subscribe: [],
        scramKeys: keysOf(1),
      }),
    );
    const { passwordHash, scramKeys, ...shown } = device("bare");
    expect(await store.addMqttDevice(device("bare"))).toEqual({ ...shown, createdAtMs: clock.nowMs() });
    await alsoAfterReopening(opened, async (now) => {
      const listed = await now.listMqttDevices({ after: "", limit: 10 });
      expect(listed).toEqual([{ ...shown, createdAtMs: clock.nowMs() }, sensor]);
      expect(sensor).toMatchObject({ publish: ["a/%u/#", "b"], subscribe: [], certificateSubject: "CN=sensor" });
      expect(await now.listMqttDevices({ after: "bare", limit: 10 })).toEqual([sensor]);
      expect(await now.listMqttDevices({ after: "", limit: 1 })).toHaveLength(1);
      expect(await now.findMqttDevicePassword("sensor")).toBe("sha256:00");
      expect(await now.findMqttDevicePassword("bare")).toBeUndefined();
      expect(plain(await now.findScramKeys("device:sensor"))).toEqual(plain(keysOf(1)));
      expect(await now.findScramKeys("device:bare")).toBeUndefined();
    });
  });

  test("a removed device leaves nothing, and its name is free", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    await store.addMqttDevice(
      device("sensor", { passwordHash: "x", certificateSubject: "CN=s", scramKeys: keysOf(1) }),
    );
    expect(await store.removeMqttDevice("sensor")).toBe(true);
    expect(await store.removeMqttDevice("sensor")).toBe(false);
    expect(await store.listMqttDevices({ after: "", limit: 10 })).toEqual([]);
    expect(await store.findMqttDevicePassword("sensor")).toBeUndefined();
    expect(await store.findScramKeys("device:sensor")).toBeUndefined();
    await store.addMqttDevice(device("sensor", { certificateSubject: "CN=s" }));
    await store.removeMqttDevice("sensor");
    expect(await store.createUser({ nick: "s", username: "sensor" })).toMatchObject({ username: "sensor" });
  });

  test("users and devices share their names, and no two devices a certificate", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    await store.createUser({ nick: "Ann", username: "ann" });
    await store.addMqttDevice(device("sensor", { certificateSubject: "CN=s" }));
    await expectRefusal(store.addMqttDevice(device("ann")), "username_taken");
    await expectRefusal(store.addMqttDevice(device("sensor")), "username_taken");
    await expectRefusal(store.addMqttDevice(device("other", { certificateSubject: "CN=s" })), "invalid_device");
    await expectRefusal(store.createUser({ nick: "S", username: "sensor" }), "username_taken");
    await expectRefusal(
      store.provision([
        { username: "ben", tokens: [] },
        { username: "sensor", tokens: [] },
      ]),
      "username_taken",
    );
    await expectRefusal(
      store.putMembers({ chatKey: "team", people: [{ username: "ben" }, { username: "sensor" }], chatName: undefined }),
      "username_taken",
    );
    expect(await store.findUserByKey("ben")).toBeUndefined();
    expect(await store.findChat({ key: "team" })).toBeUndefined();
    expect(await store.countUsers()).toBe(1);
  });

  test("keys of a password change with it", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const ann = await store.createUser({ nick: "Ann", passwordHash: "one", scramKeys: keysOf(1) });
    const owner = `user:${ann.userId}`;
    expect(plain(await store.findScramKeys(owner))).toEqual(plain(keysOf(1)));
    await store.setPassword(ann.userId, "two", keysOf(2));
    expect(plain(await store.findScramKeys(owner))).toEqual(plain(keysOf(2)));
    await store.setPassword(ann.userId, "three");
    expect(await store.findScramKeys(owner)).toBeUndefined();
  });

  test("keys made later are those of the password that is in force, and never replace others", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [bob] = await people(store, "Bob");
    const owner = `user:${bob.userId}`;
    await store.setPassword(bob.userId, "one");
    await store.addScramKeys({ userId: bob.userId, passwordHash: "zero", scramKeys: keysOf(1) });
    expect(await store.findScramKeys(owner)).toBeUndefined();
    await store.addScramKeys({ userId: bob.userId, passwordHash: "one", scramKeys: keysOf(2) });
    await store.addScramKeys({ userId: bob.userId, passwordHash: "one", scramKeys: keysOf(3) });
    expect(plain(await store.findScramKeys(owner))).toEqual(plain(keysOf(2)));
  });

  test("a secret of the server's own stays what it was", async () => {
    await using opened = await openFresh();
    const secret = new Uint8Array(32).fill(7);
    expect(await opened.store.findSecret("x")).toBeUndefined();
    expect([...(await opened.store.keepSecret("x", secret))]).toEqual([...secret]);
    await alsoAfterReopening(opened, async (now) => {
      expect([...(await now.keepSecret("x", new Uint8Array(32)))]).toEqual([...secret]);
      expect([...(await now.keepSecret("y", new Uint8Array(32)))]).toEqual([...new Uint8Array(32)]);
      expect([...((await now.findSecret("x")) ?? [])]).toEqual([...secret]);
      expect(await now.findSecret("z")).toBeUndefined();
      expect(await now.findBackendKey()).toBeUndefined();
    });
  });
}
