/** docs/mqtt.md § Chats. Presence is heard by friends alone, over real sockets, whichever door the others use. */
import { expect, test } from "bun:test";
import mqtt, { type IClientOptions, type MqttClient } from "mqtt";
import type { UserId } from "../../src/domain/model.ts";
import { MiniClient } from "../minioicq/client.ts";
import { enroll } from "../rest/client.ts";
import { until } from "../support/deadline.ts";
import { createLeapingClock } from "../support/manual-clock.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

interface Heard {
  readonly topic: string;
  readonly retain: boolean;
  readonly body: Readonly<Record<string, unknown>>;
}

class Watcher implements AsyncDisposable {
  readonly client: MqttClient;
  readonly heard: Heard[] = [];

  constructor(client: MqttClient) {
    this.client = client;
    client.on("message", (topic, payload, { retain }) =>
      this.heard.push({ topic, retain, body: JSON.parse(String(payload)) }),
    );
  }

  /** What it was told last of the user; undefined: nothing. */
  last(userId: UserId): unknown {
    return this.heard.findLast(({ body }) => body["user_id"] === String(userId))?.body["online"];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.endAsync(true);
  }
}

async function connect(server: TestServer, password: string, options: IClientOptions = {}): Promise<Watcher> {
  const url = `mqtt://${server.mqtt}`;
  return new Watcher(
    await mqtt.connectAsync(url, { username: "api", reconnectPeriod: 0, protocolVersion: 5, ...options, password }),
  );
}

async function people(server: TestServer, ...names: string[]) {
  const tokens = await enroll(server, ...names);
  return Promise.all(
    names.map(async (name, index) => {
      const userId = (await server.store.findUserByKey(name))?.userId;
      if (userId === undefined) throw new Error(`no user ${name}`);
      return { userId, token: tokens[index] ?? "" };
    }),
  );
}

async function befriend(server: TestServer, a: UserId, b: UserId): Promise<void> {
  await server.domain.contacts.requestFriend(a, b);
  await server.domain.contacts.confirm(b, b === a ? b : a);
}

test("a friend is shown at once, and told of coming and going; a stranger and an unknown id are silence", async () => {
  const clock = createLeapingClock();
  await using server = await startTestServer({ clock });
  const [ann, bob, eve] = await people(server, "ann", "bob", "eve");
  if (ann === undefined || bob === undefined || eve === undefined) throw new Error("no people");
  await befriend(server, ann.userId, bob.userId);
  await using annPhone = await connect(server, ann.token);
  const filters = [bob.userId, eve.userId, 999_999].map((id) => `user/${id}/presence`);
  const granted = await annPhone.client.subscribeAsync(filters, { qos: 1 });
  expect(granted.map(({ qos }) => qos)).toEqual([1, 1, 1]);
  await until("Bob is shown", () => annPhone.heard.length === 1);
  const offline = { user_id: String(bob.userId), online: false };
  expect(annPhone.heard).toEqual([{ topic: `user/${bob.userId}/presence`, retain: true, body: offline }]);

  using bobHere = await MiniClient.connect(server.http, "json");
  await bobHere.ask({ action: "auth.login", token: bob.token });
  await using evePhone = await connect(server, eve.token);
  await until("Bob came", () => annPhone.last(bob.userId) === true);
  expect(annPhone.heard.at(-1)?.retain).toBe(false);
  bobHere.say({ action: "auth.logout" });
  await until("Bob has no client", () => !server.hub.isOnline(bob.userId));
  clock.leap(5000);
  await until("Bob went", () => annPhone.last(bob.userId) === false);
  expect(annPhone.heard.at(-1)?.body["last_seen"]).toMatch(/:00\.000Z$/);
  expect(annPhone.last(eve.userId)).toBeUndefined();
  expect(evePhone.heard).toEqual([]);
});

test("a wildcard hears of all friends and of oneself; friendship, its end and blocking count at once", async () => {
  await using server = await startTestServer();
  const [ann, bob] = await people(server, "ann", "bob");
  if (ann === undefined || bob === undefined) throw new Error("no people");
  await using annPhone = await connect(server, ann.token);
  await annPhone.client.subscribeAsync("user/+/presence");
  await until("Ann is shown herself", () => annPhone.last(ann.userId) === true);
  await using bobPhone = await connect(server, bob.token);
  await bobPhone.client.subscribeAsync("user/#");
  await until("Bob is shown himself", () => bobPhone.last(bob.userId) === true);
  expect([annPhone.last(bob.userId), bobPhone.last(ann.userId)]).toEqual([undefined, undefined]);

  await befriend(server, ann.userId, bob.userId);
  await until("they see each other", () => annPhone.last(bob.userId) === true && bobPhone.last(ann.userId) === true);

  await server.domain.contacts.block(ann.userId, bob.userId);
  await until(
    "neither is online to the other",
    () => annPhone.last(bob.userId) === false && bobPhone.last(ann.userId) === false,
  );
  // To the blocked user it looks as if the other one left.
  expect(bobPhone.heard.at(-1)?.body["last_seen"]).toMatch(/:00\.000Z$/);
  const phones = [
    { phone: annPhone, own: ann.userId, other: bob.userId, filter: "user/+/presence" },
    { phone: bobPhone, own: bob.userId, other: ann.userId, filter: "user/#" },
  ];
  for (const { phone, own, other, filter } of phones) {
    // What was on its way has come when this is acknowledged.
    await phone.client.unsubscribeAsync(filter);
    phone.heard.length = 0;
    await phone.client.subscribeAsync([`user/${other}/presence`, "user/#"]);
    await until("the phone is shown its own user", () => phone.last(own) === true);
    await phone.client.subscribeAsync(`user/${own}/presence`);
    await until("it is shown so again", () => phone.heard.filter(({ retain }) => retain).length >= 2);
    expect(phone.last(other)).toBeUndefined();
  }

  await server.domain.contacts.unblock(ann.userId, bob.userId);
  await until("they see each other again", () => phones.every(({ phone, other }) => phone.last(other) === true));
});

test("the end of a friendship, hiding, and the end of an account make a friend gone; a stranger is told nothing", async () => {
  await using server = await startTestServer();
  const [ann, bob, eve] = await people(server, "ann", "bob", "eve");
  if (ann === undefined || bob === undefined || eve === undefined) throw new Error("no people");
  const { contacts, presence } = server.domain;
  await befriend(server, ann.userId, bob.userId);
  await using annPhone = await connect(server, ann.token);
  await using bobPhone = await connect(server, bob.token);
  await using evePhone = await connect(server, eve.token);
  for (const { client } of [annPhone, bobPhone, evePhone]) await client.subscribeAsync("user/+/presence");
  const seesHer = (online: boolean) => until(`Bob sees ${online}`, () => bobPhone.last(ann.userId) === online);
  const last = () => bobPhone.heard.at(-1)?.body;
  const gone = { user_id: String(ann.userId), online: false };
  await seesHer(true);
  await presence.setRule(ann.userId, "none");
  await seesHer(false);
  expect(last()).toEqual(gone);
  await presence.setRule(ann.userId, "friends");
  await seesHer(true);
  await contacts.revoke(bob.userId, ann.userId);
  await seesHer(false);
  expect(last()).toEqual(gone);
  await until("Ann sees Bob no more", () => annPhone.last(bob.userId) === false);
  await befriend(server, ann.userId, bob.userId);
  await seesHer(true);
  // Eve asks and is blocked: nothing of it is hers to see.
  await contacts.requestFriend(eve.userId, ann.userId);
  await contacts.block(ann.userId, eve.userId);
  await server.domain.accountRemoval.remove(ann.userId);
  await seesHer(false);
  expect(last()).toEqual(gone);
  expect(
    evePhone.heard.filter(({ body }) => body["online"] === true && body["user_id"] !== String(eve.userId)),
  ).toEqual([]);
});

test("no client publishes presence; a token with scopes and a filter without a user's number are refused", async () => {
  await using server = await startTestServer();
  const [ann] = await people(server, "ann");
  if (ann === undefined) throw new Error("no people");
  await using annPhone = await connect(server, ann.token);
  const said = annPhone.client.publishAsync(`user/${ann.userId}/presence`, "{}", { qos: 1 });
  await expect(said).rejects.toMatchObject({ code: 0x87 });
  const narrow = { name: undefined, scopes: [{ allow: "read", chat: "*" }], lifetimeMs: undefined } as const;
  const { secret } = await server.domain.longTokens.add({
    ownerKey: `user:${ann.userId}`,
    madeBy: "operator",
    ...narrow,
  });
  await using reader = await connect(server, secret);
  const none = await reader.client.subscribeAsync("user/+/presence").catch(() => [{ qos: 0x80 }]);
  expect(none[0]?.qos).toBeGreaterThanOrEqual(0x80);
  const [refused] = await annPhone.client.subscribeAsync("user/anna/presence").catch(() => [{ qos: 0x80 }]);
  expect(refused?.qos).toBeGreaterThanOrEqual(0x80);
});
