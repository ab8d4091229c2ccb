/** docs/protocols/minioicq.md § message.edit, message.react, changes.get: what was said is changed for all who may see it. */
import { describe, expect, test } from "bun:test";
import { startTestServer } from "../support/server.ts";
import { type Action, encodings, MiniClient, messagesOf, newUser } from "./client.ts";
import { groupOf, type Person, person } from "./stage.ts";

async function say({ client }: Person, chat: string, content: string, extra: Record<string, unknown> = {}) {
  client.send(chat, content, extra);
  const [message] = await client.pushes(1);
  return String(message?.message_id);
}

const fenceAll = (...people: readonly Person[]) => Promise.all(people.map(({ client }) => client.fence()));
/** The answer alone: what was pushed before and behind it is passed over. */
async function ask({ client }: Person, request: object): Promise<Action> {
  await client.fence();
  const answer = await client.ask(request as Action);
  await client.fence();
  return answer;
}

const edit = (message_id: string, content: unknown) => ({ action: "message.edit", message_id, content });
const react = (message_id: string, reaction: unknown, remove?: true) => ({
  action: "message.react",
  message_id,
  reaction,
  remove,
});

describe.each([...encodings])("in %s", (encoding) => {
  test("an edit reaches those who know of edits; the document's clients get no new key and no second message", async () => {
    await using server = await startTestServer();
    const [ann, bob] = [await person(server.http, "Ann", encoding), await person(server.http, "Bob", encoding)];
    const plain = await newUser(server.http, "Plain", encoding);
    const chat = await groupOf(ann, bob, plain);
    const id = await say(ann, chat, "the former words", { client_id: "c1" });
    await fenceAll(ann, bob, plain);
    const answer = await ann.client.ask(edit(id, "other words"));
    expect(answer).toEqual({
      action: "message.edit.success",
      chat_id: chat,
      message_id: id,
      revision: 1,
      edited: expect.stringMatching(/^\d{4}-/),
    });
    const [pushed] = await bob.client.fence();
    const shown = {
      chat_id: chat,
      message_id: id,
      seq: 1,
      content: "other words",
      revision: 1,
      edited: answer["edited"],
    };
    expect(pushed).toEqual({ action: "message.edited", message: expect.objectContaining(shown) });
    expect((pushed?.["message"] as object | undefined) ?? {}).not.toHaveProperty("client_id");
    expect(await ann.client.fence()).toEqual([
      { action: "message.edited", message: expect.objectContaining({ ...shown, client_id: "c1" }) },
    ]);
    expect(await plain.client.fence()).toEqual([]);
    const history = messagesOf(await plain.client.ask({ action: "message.get", chat_id: chat }));
    expect(history.map(({ content }) => content)).toEqual(["other words"]);
    expect(Object.keys(history[0] ?? {}).sort()).toEqual(
      ["chat_id", "content", "message_id", "sender", "sender_id", "seq", "time", "type"].sort(),
    );
    // The same words again are no change.
    expect(await ann.client.ask(edit(id, "other words"))).toEqual(answer);
    expect(await bob.client.fence()).toEqual([]);
  });

  test("reactions are counted, told and taken back; more than twenty kinds, or what is no grapheme, are refused", async () => {
    await using server = await startTestServer();
    const [ann, bob] = [await person(server.http, "Ann", encoding), await person(server.http, "Bob", encoding)];
    const chat = await groupOf(ann, bob);
    const id = await say(ann, chat, "lunch?");
    await fenceAll(ann, bob);
    await ask(bob, react(id, "👍"));
    const told = { chat_id: chat, message_id: id, seq: 1, user_id: bob.id, reaction: "👍" };
    expect(await ann.client.fence()).toEqual([
      {
        action: "message.reacted",
        ...told,
        revision: 1,
        added: true,
        reactions: [{ reaction: "👍", count: 1, user_ids: [bob.id] }],
      },
    ]);
    await bob.client.fence();
    expect(await bob.client.ask(react(id, "👍", true))).toMatchObject({ revision: 2, reactions: [] });
    expect(await ann.client.fence()).toMatchObject([{ ...told, revision: 2, added: false, reactions: [] }]);
    await bob.client.fence();
    for (const wrong of ["", " ", "ok", "👍👍", 7, null, "👍".repeat(250_000)]) {
      expect(await bob.client.ask(react(id, wrong))).toEqual({
        action: "message.react.fail",
        reason: "Invalid reaction",
      });
    }
    for (let kind = 0; kind < 20; kind += 1) ann.client.say(react(id, String.fromCharCode(65 + kind)));
    await ann.client.fence();
    expect(await ann.client.ask(react(id, "Z"))).toEqual({
      action: "message.react.fail",
      reason: "Too many reactions",
    });
    const history = await ann.client.ask({ action: "message.get", chat_id: chat });
    expect((messagesOf(history)[0] as unknown as { reactions: unknown[] }).reactions).toHaveLength(20);
  });

  test("a message answers another one of its chat, and names members", async () => {
    await using server = await startTestServer();
    const [ann, bob] = [await person(server.http, "Ann", encoding), await person(server.http, "Bob", encoding)];
    const eve = await person(server.http, "Eve", encoding);
    const [chat, other] = [await groupOf(ann, bob), await groupOf(ann, eve)];
    const first = await say(ann, chat, "lunch?");
    const elsewhere = await say(ann, other, "elsewhere");
    await fenceAll(ann, bob, eve);
    await say(bob, chat, "yes", { reply_to: first, mentions: [ann.id, eve.id] });
    expect((await ann.client.pushes(1))[0]).toMatchObject({ content: "yes", reply_to: first, mentions: [ann.id] });
    for (const wrong of [elsewhere, "99999", "word"]) {
      bob.client.send(chat, "to what?", { reply_to: wrong, client_id: "c" });
      expect(await bob.client.next()).toEqual({
        action: "message.send.fail",
        reason: "Message not found",
        client_id: "c",
      });
    }
    bob.client.send(chat, "too many", { mentions: Array.from({ length: 33 }, () => ann.id) });
    expect(await bob.client.next()).toEqual({ action: "message.send.fail", reason: "Invalid message" });
  });

  test("who was away asks for what changed; who left is told nothing; a stranger's guess is answered as no message", async () => {
    await using server = await startTestServer();
    const [ann, bob] = [await person(server.http, "Ann", encoding), await person(server.http, "Bob", encoding)];
    const eve = await person(server.http, "Eve", encoding);
    const chat = await groupOf(ann, bob, eve);
    const ids = [await say(ann, chat, "one"), await say(ann, chat, "two"), await say(ann, chat, "three")];
    await fenceAll(ann, bob, eve);
    const [one = "", two = "", three = ""] = ids;
    await bob.client.bye();
    await ask(ann, edit(one, "one, edited"));
    await ask(ann, { action: "message.delete", message_id: two });
    await ask(eve, react(three, "👍"));

    using back = await MiniClient.connect(server.http, encoding);
    const { epoch } = await back.login(bob.id, "secret", { extensions: true });
    await back.fence();
    const list = await back.ask({ action: "chat.list" });
    expect(list).toMatchObject({ epoch, chats: [{ chat_id: chat, revision: 3 }] });
    const changesOf = (client: MiniClient, more: object = {}): Promise<Action> =>
      client.ask({ action: "changes.get", chat_id: chat, ...more });
    expect(await changesOf(back, { epoch })).toEqual({
      action: "changes.get.success",
      chat_id: chat,
      epoch,
      revision: 3,
      changes: [
        { change: "changed", revision: 1, message: expect.objectContaining({ content: "one, edited", seq: 1 }) },
        { change: "deleted", revision: 2, chat_id: chat, message_id: two, seq: 2 },
        {
          change: "changed",
          revision: 3,
          message: expect.objectContaining({ reactions: [{ reaction: "👍", count: 1, user_ids: [eve.id] }] }),
        },
      ],
      more: false,
      reset: false,
    });
    expect(await changesOf(back, { after: 1, limit: 1 })).toMatchObject({
      revision: 2,
      more: true,
      changes: [{ seq: 2 }],
    });
    expect(await changesOf(back, { after: 3 })).toMatchObject({ revision: 3, more: false, changes: [] });

    await ask(eve, { action: "chat.leave", chat_id: chat });
    await ask(ann, edit(one, "after Eve left"));
    const notFound = (action: string) => ({ action: `${action}.fail`, reason: "Message not found" });
    for (const id of [one, two, "99999", "word"]) {
      expect(await eve.client.ask(edit(id, "mine?"))).toEqual(notFound("message.edit"));
      expect(await eve.client.ask(react(id, "👍"))).toEqual(notFound("message.react"));
    }
    expect(await changesOf(eve.client)).toEqual({ action: "changes.get.fail", reason: "Chat not found" });
    expect(await eve.client.fence()).toEqual([]);
    // Bob sees the message, and it is not his.
    await back.fence();
    for (const id of [one, two, "99999"]) expect(await back.ask(edit(id, "his?"))).toEqual(notFound("message.edit"));
  });

  test("in a direct chat with a block the other one hears of deletions alone, one's own devices of everything", async () => {
    await using server = await startTestServer();
    const [ann, bob] = [await person(server.http, "Ann", encoding), await person(server.http, "Bob", encoding)];
    ann.client.send(bob.id, "first");
    const chat = String((await ann.client.next())["chat_id"]);
    await fenceAll(ann, bob);
    const first = await say(ann, chat, "second");
    await bob.client.fence();
    const his = await say(bob, chat, "his");
    using second = await MiniClient.connect(server.http, encoding);
    await second.login(ann.id, "secret", { extensions: true });
    await ask(ann, { action: "contact.block", user_id: bob.id });
    await bob.client.fence();
    await second.fence();
    for (const change of [edit(first, "second, edited"), react(his, "👍")]) await ask(ann, change);
    expect((await second.fence()).map(({ action }) => action)).toEqual(["message.edited", "message.reacted"]);
    expect(await bob.client.fence()).toEqual([]);
    expect(await bob.client.ask(edit(his, "his, edited"))).toMatchObject({ reason: "Message not found" });
    expect(await bob.client.ask(react(first, "👍"))).toMatchObject({ reason: "Message not found" });
    await ask(bob, { action: "message.delete", message_id: his });
    expect((await second.fence()).map(({ action }) => action)).toEqual(["message.deleted"]);
    const changesOf = async (client: MiniClient) => {
      const { changes } = await client.ask({ action: "changes.get", chat_id: chat });
      return (changes as { change: string }[]).map(({ change }) => change);
    };
    expect(await changesOf(bob.client)).toEqual(["deleted"]);
    expect(await changesOf(second)).toEqual(["changed", "deleted"]);
    await ask(ann, { action: "contact.unblock", user_id: bob.id });
    expect(await changesOf(bob.client)).toEqual(["changed", "deleted"]);
  });
});
