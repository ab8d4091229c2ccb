/** docs/protocols/minioicq.md § contact.list: friends, finding people, and one's own name. */
import { describe, expect, test } from "bun:test";
import { room } from "../rest/client.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { type Action, encodings, MiniClient } from "./client.ts";
import { groupOf, type Person, person } from "./stage.ts";

const notFound = (action: string) => ({ action: `${action}.fail`, reason: "User not found" });
const listOf = (answer: Action, key: "contacts" | "users") =>
  (answer[key] as Record<string, unknown>[]).map(({ user_id: id, user_name: name, status }) =>
    status === undefined ? [id, name] : [id, name, status],
  );
const ends = ["contact.confirm", "contact.revoke"] as const;

/** A backend put them into a chat, whom the directory may hide from each other. */
async function together(server: TestServer, one: Person, other: Person): Promise<string> {
  await room(server, "team", `user.${one.id}`, `user.${other.id}`);
  await other.client.fence();
  return String((await one.client.fence()).at(-1)?.["chat_id"]);
}

describe.each([...encodings])("in %s", (encoding) => {
  test("asking, agreeing and ending are told to both, and to clients of the document with not one frame more", async () => {
    await using server = await startTestServer();
    const ann = await person(server.http, "Ann", encoding);
    const bob = await person(server.http, "Bob", encoding);
    using plain = await MiniClient.connect(server.http, encoding);
    await plain.login(bob.id);
    for (const client of [ann.client, bob.client, plain]) await client.fence();
    const frames = async (client: MiniClient) =>
      (await client.fence()).map(({ action, user_id: id, status }) =>
        id === undefined ? [action] : [action, id, status],
      );

    const request = { action: "contact.request", user_id: bob.id };
    const asked = { action: "contact.request.success", user_id: bob.id, status: "request" };
    ann.client.say(request);
    expect(await ann.client.fence()).toEqual([
      asked,
      { action: "contact.changed", user_id: bob.id, status: "request", updated: expect.stringMatching(/Z$/) },
    ]);
    expect(await frames(bob.client)).toEqual([["contact.changed", ann.id, "authorization"]]);
    expect(await ann.client.ask(request)).toEqual(asked);
    expect(listOf(await bob.client.ask({ action: "contact.list" }), "contacts")).toEqual([
      [ann.id, "Ann", "authorization"],
    ]);
    // Only the user who was asked may agree.
    expect(await ann.client.ask({ action: "contact.confirm", user_id: bob.id })).toEqual(notFound("contact.confirm"));

    bob.client.say({ action: "contact.confirm", user_id: ann.id });
    expect((await frames(bob.client)).sort()).toEqual([
      ["chat.spawn"],
      ["contact.changed", ann.id, "friend"],
      ["contact.confirm.success", ann.id, "friend"],
    ]);
    expect((await frames(ann.client)).sort()).toEqual([["chat.spawn"], ["contact.changed", bob.id, "friend"]]);
    expect(await bob.client.ask({ action: "contact.confirm", user_id: ann.id })).toMatchObject({ status: "friend" });
    expect(await ann.client.ask(request)).toEqual({ ...asked, status: "friend" });

    const named = { action: "profile.set", nick: " Anna " };
    expect(await ann.client.ask(named)).toEqual({
      action: "profile.set.success",
      user_id: ann.id,
      user_name: "Anna",
      nick: "Anna",
    });
    expect(await frames(bob.client)).toEqual([["contact.changed", ann.id, "friend"]]);
    expect(listOf(await bob.client.ask({ action: "contact.list" }), "contacts")).toEqual([[ann.id, "Anna", "friend"]]);

    ann.client.say({ action: "contact.revoke", user_id: bob.id });
    expect(await frames(ann.client)).toEqual([
      ["contact.revoke.success", bob.id, undefined],
      ["contact.changed", bob.id, "none"],
    ]);
    expect(await frames(bob.client)).toEqual([["contact.changed", ann.id, "none"]]);
    for (const client of [ann.client, bob.client]) {
      expect(await client.ask({ action: "contact.list" })).toEqual({ action: "contact.list.success", contacts: [] });
    }
    expect((await plain.fence()).map(({ action }) => action)).toEqual(["chat.spawn"]);
  });

  test("nobody, oneself, a disabled user and a user without a request get one answer", async () => {
    await using server = await startTestServer();
    const ann = await person(server.http, "Ann", encoding);
    const bob = await person(server.http, "Bob", encoding);
    const gone = await person(server.http, "Gone", encoding);
    const group = await groupOf(ann, bob);
    await server.store.setUserDisabled({ userId: Number(gone.id) as never, disabled: true });
    for (const id of ["1", "x", group, ann.id, gone.id]) {
      expect(await ann.client.ask({ action: "contact.request", user_id: id })).toEqual(notFound("contact.request"));
      for (const action of ends) {
        expect(await ann.client.ask({ action, user_id: id })).toEqual(notFound(action));
        expect(await ann.client.ask({ action, user_id: bob.id })).toEqual(notFound(action));
      }
    }
    for (const bad of [[], {}, true]) {
      expect(await ann.client.ask({ action: "contact.list", after: bad })).toEqual({
        action: "contact.list.fail",
        reason: "Invalid after",
      });
    }
  });

  test("who is blocked is not told so when they ask", async () => {
    await using server = await startTestServer();
    const ann = await person(server.http, "Ann", encoding);
    const bob = await person(server.http, "Bob", encoding);
    await ann.client.ask({ action: "contact.block", user_id: bob.id });
    await ann.client.fence();
    bob.client.say({ action: "contact.request", user_id: ann.id });
    expect((await bob.client.fence()).at(-1)).toMatchObject({ user_id: ann.id, status: "request" });
    expect(await ann.client.fence()).toEqual([]);
    expect(listOf(await ann.client.ask({ action: "contact.list" }), "contacts")).toEqual([[bob.id, "Bob", "banned"]]);
  });

  test("contacts come in pages", async () => {
    await using server = await startTestServer();
    const ann = await person(server.http, "Ann", encoding);
    const ids: string[] = [];
    for (let at = 0; at < 203; at += 1) {
      const { userId } = await server.store.createUser({ nick: `c${at}` });
      await server.store.requestContacts({ userId, friends: [Number(ann.id)] });
      ids.push(String(userId));
    }
    await ann.client.fence();
    const first = await ann.client.ask({ action: "contact.list" });
    const second = await ann.client.ask({ action: "contact.list", after: first["next"] });
    expect([first, second].flatMap((one) => listOf(one, "contacts").map(([id]) => id))).toEqual(ids);
    expect([listOf(first, "contacts").length, second["next"]]).toEqual([200, undefined]);
  });

  test("people are found by name and number; where strangers are hidden, acquaintances alone", async () => {
    for (const directory of ["all", "contacts"]) {
      await using server = await startTestServer({ env: { ROOST_DIRECTORY: directory } });
      const ann = await person(server.http, "Ann", encoding);
      const bob = await person(server.http, "Bob Müller", encoding);
      const annie = await person(server.http, "annie", encoding);
      const chosen = { action: "auth.register", user_name: "Zoë", password: "secret", login_name: "zz.top" };
      using zoe = await MiniClient.connect(server.http, encoding);
      const { user_id: zoeId } = await zoe.ask(chosen);
      await together(server, ann, bob);
      const search = async (query: string, limit?: number) =>
        listOf(await ann.client.ask({ action: "user.search", query, limit }), "users").map(([, name]) => name);
      expect(await search("muller")).toEqual(["Bob Müller"]);
      expect(await search("BOB MÜ")).toEqual(["Bob Müller"]);
      expect(await search(bob.id)).toEqual(["Bob Müller"]);
      const all = directory === "all";
      expect((await search("aN")).sort()).toEqual(all ? ["Ann", "annie"] : ["Ann"]);
      expect(await search("an", 1)).toEqual(["Ann"]);
      expect(await search("ANNI")).toEqual(all ? ["annie"] : []);
      expect(await search("zoë")).toEqual(all ? ["Zoë"] : []);
      for (const exact of [String(zoeId), `user.${zoeId}`]) expect(await search(exact)).toEqual(all ? ["Zoë"] : []);
      expect(await search(annie.id)).toEqual(all ? ["annie"] : []);
      // A log-in name finds no one, and nothing but letters does.
      for (const nothing of ["zz.top", "%", "_nn", "1", "\u{1f986}"]) expect(await search(nothing)).toEqual([]);
    }
  });

  test("a search needs words of at most 128 characters, and a nick 1 to 128", async () => {
    await using server = await startTestServer();
    const ann = await person(server.http, "Ann", encoding);
    for (const query of ["", "   ", "x".repeat(129), 5, null, ["a"], { a: 1 }]) {
      const answer = { action: "user.search.fail", reason: "Invalid query" };
      expect(await ann.client.ask({ action: "user.search", query })).toEqual(answer);
    }
    for (const limit of [0, -1, 1.5, "5", true, []]) {
      const answer = { action: "user.search.fail", reason: "Invalid limit" };
      expect(await ann.client.ask({ action: "user.search", query: "a", limit })).toEqual(answer);
    }
    for (const nick of ["", "  ", "x".repeat(129), 5, null, ["a"], { a: 1 }]) {
      const answer = { action: "profile.set.fail", reason: "Invalid name" };
      expect(await ann.client.ask({ action: "profile.set", nick })).toEqual(answer);
    }
    const longest = "🦆".repeat(128);
    expect(await ann.client.ask({ action: "profile.set", user_name: longest })).toMatchObject({ nick: longest });
    expect(await ann.client.ask({ action: "user.get", user_id: ann.id })).toMatchObject({ nick: longest });
  });
});

test("an asked user who has not answered is listed without a name where strangers are hidden", async () => {
  await using server = await startTestServer({ env: { ROOST_DIRECTORY: "contacts" } });
  const ann = await person(server.http, "Ann", "json");
  const bob = await person(server.http, "Bob", "json");
  const asking = { userId: Number(ann.id) as never, friends: [Number(bob.id)] };
  expect(await ann.client.ask({ action: "contact.request", user_id: bob.id })).toEqual(notFound("contact.request"));
  const group = await together(server, ann, bob);
  await server.store.requestContacts(asking);
  await bob.client.fence();
  await ann.client.fence();
  const list = async () => listOf(await ann.client.ask({ action: "contact.list" }), "contacts");
  expect(await list()).toEqual([[bob.id, "Bob", "request"]]);
  await bob.client.ask({ action: "chat.leave", chat_id: group });
  await ann.client.fence();
  expect(await list()).toEqual([[bob.id, undefined, "request"]]);
});
