/** The owner of a group leaves: every door that shows owners tells who owns it from now on, to who stays and who goes. */
import { expect, test } from "bun:test";
import { inOrder } from "../../src/webhooks/item.ts";
import { Conversation, tuple } from "../erlang-terms/conversation-stage.ts";
import { phoneNumbers } from "../erlang-terms/phones.ts";
import { participant, person } from "../minioicq/stage.ts";
import { call } from "../rest/client.ts";

test("the new owner is told by terms, MiniOICQ, REST and webhooks, and the signed form has no new key", async () => {
  await using stage = await Conversation.start();
  const { server } = stage;
  const [a, b] = [await stage.phone("A"), await stage.phone("B")];
  for (const client of [a, b]) await stage.ask(client, tuple("Typing", new Uint8Array([48]), []));
  const [annId, benId] = [await stage.phones.userId("A"), await stage.phones.userId("B")];
  for (const name of ["A", "B"] as const) stage.name(phoneNumbers[name], `phone${name}`);
  const carl = await participant(server, "carl");
  const dora = await person(server.http, "Dora", "json");
  const { chats, store } = server.domain;
  // Events are kept for webhooks alone.
  await server.store.putWebhook({ name: "hook", url: "http://127.0.0.1:9/", secret: "s", kinds: ["event"] });
  const { chat } = await chats.create(annId, { members: [benId, Number(carl.id), Number(dora.id)], name: "team" });
  stage.name(String(chat.chatId), "R");
  for (const client of [a, b]) await stage.hears(client, 1);
  for (const { client } of [carl, dora]) await client.fence();
  const simpleOf = async () =>
    JSON.parse((await call(server, "GET /messages?format=simple", { as: carl.token })).text).events;
  expect(await simpleOf()).toEqual([expect.not.objectContaining({ owner: expect.anything() })]);

  await chats.leave(annId, { id: chat.chatId });
  const member = (name: string, userId: number, status: string): string =>
    `{Member,${userId},chain,{muc,R},[],[],[],${name},[],[],[],<<user.${userId}>>,0,Time,[],[],[],${status}}`;
  const [left, owner] = [member("A", annId, "member"), member("B", benId, "admin")];
  const told = `{Room,R,<<team>>,[],[],[],[${left}],[${owner}],[],group,[],[],0,[],[],[],Time,Time,leave}`;
  for (const [client, name] of [
    [a, "A"],
    [b, "B"],
  ] as const) {
    expect(await stage.hears(client, 1)).toEqual([`ses/phone${name}@2 ${told}`]);
  }
  for (const { client } of [carl, dora]) {
    expect(await client.fence()).toEqual([
      expect.objectContaining({ action: "chat.left", members: [String(annId)], owner_id: String(benId) }),
    ]);
  }
  const ben = await store.findUser(benId);
  const shown = { GUID: ben?.guid, user_id: String(benId), userID: `user.${benId}` };
  const [, event] = await simpleOf();
  expect(event).toMatchObject({ type: "chat_leave", users: [{ user_id: String(annId) }], owner: shown });
  const signed = JSON.parse((await call(server, "GET /messages", { as: carl.token })).text).incomingEvents;
  expect(signed.info.map(({ subType }: { subType: string }) => subType).toSorted()).toEqual([
    "chat_enter",
    "chat_leave",
  ]);
  expect(JSON.stringify(signed)).not.toContain("owner");

  const events = await server.store.eventLog(0, 100, chat.chatId);
  const [, item] = inOrder({ messageId: 0, eventId: 0 }, { newest: 1, messages: [], events, eventsMax: 100 });
  const body = JSON.parse(String(Buffer.from((await item?.body("hook", async () => undefined)) ?? [])));
  expect(body.event).toMatchObject({ type: "chat_leave", owner: shown });

  // Who is not the owner leaves, and nothing is said of owners.
  await chats.leave(Number(dora.id) as never, { id: chat.chatId });
  expect((await stage.hears(b, 1))[0]).toContain("],[],[],group,");
  expect((await simpleOf())[2]).not.toHaveProperty("owner");
});
