/** docs/protocols/minioicq.md § presence.watch: which friends are online, and who sees that. */
import { describe, expect, test } from "bun:test";
import type { UserId } from "../../src/domain/model.ts";
import { until } from "../support/deadline.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { type Action, encodings, MiniClient } from "./client.ts";
import { person } from "./stage.ts";

const idOf = (id: string) => Number(id) as UserId;

async function befriend(server: TestServer, a: string, b: string): Promise<void> {
  await server.domain.contacts.requestFriend(idOf(a), idOf(b));
  await server.domain.contacts.confirm(idOf(b), idOf(a));
}

const presencesIn = (frames: readonly Action[]) =>
  frames
    .filter(({ action }) => action === "presence.push")
    .flatMap(({ presences }) => presences as { user_id: string; online: boolean; last_seen?: string }[]);

/** Waits until the client was told so of the user, and gives what it was told last. */
async function told(client: MiniClient, id: string, online: boolean) {
  const seen: ReturnType<typeof presencesIn> = [];
  const last = () => seen.findLast(({ user_id: of }) => String(of) === id);
  while (last()?.online !== online) seen.push(...presencesIn([await client.next()]));
  return last();
}

describe.each([...encodings])("in %s", (encoding) => {
  test("a client that watches is told of its friends, now and from then on, and no other is told a byte", async () => {
    await using server = await startTestServer();
    const ann = await person(server.http, "Ann", encoding);
    const bob = await person(server.http, "Bob", encoding);
    const eve = await person(server.http, "Eve", encoding);
    await befriend(server, ann.id, bob.id);
    await server.store.touchUsers([{ userId: idOf(bob.id), lastSeenAtMs: 123_456_789 }]);
    await bob.client.bye();
    await until("Bob is away", () => !server.hub.isOnline(idOf(bob.id)));
    using silent = await MiniClient.connect(server.http, encoding);
    await silent.login(ann.id, "secret", { extensions: true });
    for (const client of [ann.client, silent, eve.client]) await client.fence();

    expect(await ann.client.ask({ action: "presence.watch" })).toEqual({
      action: "presence.watch.success",
      watch: true,
      presence: "friends",
    });
    expect(await told(ann.client, bob.id, false)).toEqual({
      user_id: bob.id,
      online: false,
      last_seen: expect.stringMatching(/:00\.000Z$/) as unknown as string,
    });
    using back = await MiniClient.connect(server.http, encoding);
    await back.login(bob.id);
    expect(await told(ann.client, bob.id, true)).toEqual({ user_id: bob.id, online: true });
    expect(presencesIn(await eve.client.fence())).toEqual([]);
    expect(presencesIn(await silent.fence())).toEqual([]);
    expect(presencesIn(await back.fence())).toEqual([]);

    await server.domain.contacts.revoke(idOf(bob.id), idOf(ann.id));
    expect(await told(ann.client, bob.id, false)).toEqual({ user_id: bob.id, online: false });
    await befriend(server, ann.id, bob.id);
    await told(ann.client, bob.id, true);
    expect(await ann.client.ask({ action: "presence.watch", watch: false }).then(({ watch }) => watch)).toBe(false);
    await server.domain.contacts.revoke(idOf(bob.id), idOf(ann.id));
    expect(presencesIn(await ann.client.fence())).toEqual([]);
  });

  test("who shows it to no one is gone to friends, and shown again when they will", async () => {
    await using server = await startTestServer();
    const ann = await person(server.http, "Ann", encoding);
    const bob = await person(server.http, "Bob", encoding);
    await befriend(server, ann.id, bob.id);
    await ann.client.ask({ action: "presence.watch" });
    await told(ann.client, bob.id, true);
    await bob.client.fence();
    const set = async (presence: unknown) => {
      bob.client.say({ action: "presence.set", presence });
      // Bob watches too.
      return (await bob.client.fence()).find(({ action }) => action.startsWith("presence.set")) as unknown;
    };
    expect(await set("none")).toEqual({ action: "presence.set.success", presence: "none" });
    expect(await told(ann.client, bob.id, false)).toEqual({ user_id: bob.id, online: false });
    expect(await bob.client.ask({ action: "presence.watch" })).toMatchObject({ presence: "none" });
    using second = await MiniClient.connect(server.http, encoding);
    await second.login(ann.id);
    await second.fence();
    await second.ask({ action: "presence.watch" });
    expect(presencesIn(await second.fence())).toEqual([]);
    await set("friends");
    for (const client of [ann.client, second]) await told(client, bob.id, true);
    for (const bad of ["all", "", null, 1, ["none"], {}]) {
      expect(await set(bad)).toEqual({ action: "presence.set.fail", reason: "Invalid presence" });
    }
  });

  test("another user on the same connection hears nothing of the first one's friends", async () => {
    await using server = await startTestServer();
    const ann = await person(server.http, "Ann", encoding);
    const bob = await person(server.http, "Bob", encoding);
    const eve = await person(server.http, "Eve", encoding);
    await befriend(server, ann.id, bob.id);
    await ann.client.ask({ action: "presence.watch" });
    await told(ann.client, bob.id, true);
    await ann.client.login(eve.id);
    await server.domain.presence.setRule(idOf(bob.id), "none");
    expect(presencesIn(await ann.client.fence())).toEqual([]);
  });
});

test("many friends come in pushes of at most 256", async () => {
  await using server = await startTestServer();
  const ann = await person(server.http, "Ann", "json");
  const others = await Promise.all(
    Array.from({ length: 600 }, (_, at) => server.store.createUser({ nick: `friend ${at}` })),
  );
  await server.store.requestContacts({ userId: idOf(ann.id), friends: others.map(({ userId }) => userId) });
  await Promise.all(others.map(({ userId }) => server.store.confirmContact({ userId, friend: Number(ann.id) })));
  ann.client.say({ action: "presence.watch" });
  const counts: number[] = [];
  while (counts.reduce((sum, count) => sum + count, 0) < 600) {
    const frame = await ann.client.next();
    if (frame.action === "presence.push") counts.push(presencesIn([frame]).length);
  }
  expect(Math.max(...counts)).toBeLessThanOrEqual(256);
});
