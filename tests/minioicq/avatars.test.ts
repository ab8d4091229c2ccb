/** docs/protocols/minioicq.md § chat.avatar.set: pictures of groups, and pictures by their address. */
import { describe, expect, test } from "bun:test";
import { call } from "../rest/client.ts";
import { startTestServer } from "../support/server.ts";
import { pixel } from "./answers/row.ts";
import { type Action, encodings, MiniClient } from "./client.ts";
import { groupOf, person } from "./stage.ts";

const memberPictures = ({ members, users }: Action) =>
  ((members ?? users) as { avatar: string }[]).map(({ avatar }) => avatar);

describe.each([...encodings])("in %s", (encoding) => {
  test("an owner gives a group a picture; members are told, and see it wherever the group is shown", async () => {
    await using server = await startTestServer();
    const ann = await person(server.http, "Ann", encoding);
    const bob = await person(server.http, "Bob", encoding);
    const chat = await groupOf(ann, bob);
    using plain = await MiniClient.connect(server.http, encoding);
    await plain.login(bob.id);
    await plain.fence();
    const before = (await bob.client.ask({ action: "chat.get", chat_id: chat }))["avatar"];

    ann.client.say({ action: "chat.avatar.set", chat_id: chat, avatar: pixel });
    const changed = { action: "chat.avatar.changed", chat_id: chat, avatar: pixel };
    expect(await ann.client.fence()).toEqual([{ action: "chat.avatar.set.success", chat_id: chat }, changed]);
    expect(await bob.client.fence()).toEqual([changed]);
    expect(await plain.fence()).toEqual([]);
    expect((await bob.client.ask({ action: "chat.get", chat_id: chat }))["avatar"]).toBe(pixel);
    for (const order of [undefined, "recent"]) {
      const { chats } = (await bob.client.ask({ action: "chat.list", order })) as unknown as { chats: Action[] };
      expect(chats.map(({ avatar }) => avatar)).toEqual([pixel]);
    }
    const eve = await person(server.http, "Eve", encoding);
    await bob.client.ask({ action: "chat.add", chat_id: chat, members: [eve.id] });
    expect(await eve.client.next()).toMatchObject({ action: "chat.spawn", avatar: pixel });

    for (const client of [ann.client, bob.client, eve.client]) await client.fence();
    const refused = (reason: string) => ({ action: "chat.avatar.set.fail", reason });
    const set = (client: MiniClient, id: unknown, avatar?: unknown) =>
      client.ask({ action: "chat.avatar.set", chat_id: id, avatar });
    const other = await person(server.http, "Other", encoding);
    for (const [client, id, bad, reason] of [
      [bob.client, chat, pixel, "Not authorized"],
      [ann.client, "9", pixel, "Chat not found"],
      [other.client, chat, pixel, "Chat not found"],
      [ann.client, chat, "aGVsbG8=", "Not a PNG, JPEG, GIF or WebP picture"],
      [ann.client, chat, Buffer.alloc(300_000, pixel, "base64").toString("base64"), "Avatar too large, at most 16 KiB"],
      [ann.client, chat, "a", "Invalid avatar"],
      [ann.client, chat, 5, "Invalid avatar"],
    ] as const) {
      expect(await set(client, id, bad)).toEqual(refused(reason));
    }
    ann.client.send(bob.id, "hello");
    const push = (await ann.client.fence()).find(({ action }) => action === "message.push");
    const [direct] = (push?.["messages"] ?? []) as { chat_id: unknown }[];
    expect(await set(ann.client, direct?.chat_id, pixel)).toEqual(refused("Direct chats cannot be changed"));
    await set(ann.client, chat);
    for (const client of [ann.client, bob.client]) await client.fence();
    expect((await bob.client.ask({ action: "chat.get", chat_id: chat }))["avatar"]).toBe(before);
  });

  test("a client may be given addresses, which serve the pictures to whoever has them, and nothing else", async () => {
    await using server = await startTestServer();
    const ann = await person(server.http, "Ann", encoding);
    const bob = await person(server.http, "Bob", encoding);
    const chat = await groupOf(ann, bob);
    await ann.client.ask({ action: "avatar.set", avatar: pixel });
    await ann.client.ask({ action: "chat.avatar.set", chat_id: chat, avatar: pixel });
    for (const one of [ann.client, bob.client]) await one.fence();
    using client = await MiniClient.connect(server.http, encoding);
    const loggedIn = await client.login(bob.id, "secret", { avatars: "url" });
    const ofBob = String(loggedIn["avatar"]);
    expect(loggedIn["avatars"]).toBe("url");
    expect(ofBob).toMatch(new RegExp(`^/_/avatars/${bob.id}-[0-9a-f]{64}$`));
    await client.fence();
    const ofAnn = String((await client.ask({ action: "user.get", user_id: ann.id }))["avatar"]);
    const shown = await client.ask({ action: "chat.get", chat_id: chat });
    const ofChat = String(shown["avatar"]);
    expect(memberPictures(shown)).toEqual([ofAnn, ofBob]);
    expect(memberPictures(await client.ask({ action: "user.sync" }))).toEqual([ofAnn, ofBob]);
    // Beside others, who are given the pictures themselves.
    expect(memberPictures(await bob.client.ask({ action: "user.sync" }))[0]).toBe(pixel);

    for (const path of [ofAnn, ofChat, ofBob]) {
      const answer = await fetch(`http://${server.http}${path}`);
      expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "image/png"]);
      expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
      expect(answer.headers.get("cache-control")).toContain("immutable");
      const bytes = Buffer.from(await answer.arrayBuffer()).toString("base64");
      if (path !== ofBob) expect(bytes).toBe(pixel);
    }
    // Another hash, another owner, and what is no longer get one answer.
    await ann.client.ask({ action: "avatar.set" });
    const hash = ofAnn.slice(-64);
    for (const name of [`${ann.id}-${hash}`, `${ann.id}-${"0".repeat(64)}`, `999-${hash}`, "x", "%2e%2e", "1-"]) {
      expect([name, (await call(server, `GET /_/avatars/${name}`)).status]).toEqual([name, 404]);
    }
    expect((await call(server, `GET /backend${ofBob}`)).status).toBe(404);
    for (const avatars of ["maybe", 1, true, []]) {
      const wrong = { action: "auth.login.fail", reason: "Invalid avatars" };
      expect(await client.login(bob.id, "secret", { avatars })).toEqual(wrong);
    }
    const back = await client.login(bob.id);
    expect([back["avatars"], String(back["avatar"]).startsWith("iVBOR")]).toEqual([undefined, true]);
  });
});
