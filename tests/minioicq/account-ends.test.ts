/** What ends with an account, at every door and at once: connections, tokens, log-ins by phone, chats. */
import { describe, expect, test } from "bun:test";
import mqtt from "mqtt";
import { call, inboxOf, room, say } from "../rest/client.ts";
import { until, withDeadline } from "../support/deadline.ts";
import { startTestServer } from "../support/server.ts";
import { MiniClient } from "./client.ts";
import { groupOf, participant, person } from "./stage.ts";

const disabled = { code: 1008, reason: "User disabled" };

describe.each(["disable", "remove"] as const)("after %s", (end) => {
  test("connections are closed at every door, tokens are no good, and a stored session is gone", async () => {
    await using server = await startTestServer();
    const ann = await participant(server, "ann");
    const bob = await participant(server, "bob");
    await room(server, "team", "bob", "ann");
    const options = { clientId: "phone", clean: false, username: "ann", password: ann.token, reconnectPeriod: 0 };
    const phone = await mqtt.connectAsync(`mqtt://${server.mqtt}`, options);
    await phone.subscribeAsync("chat/+/messages", { qos: 1 });
    const gone = withDeadline("the phone's end", new Promise<void>((resolve) => phone.on("close", () => resolve())));
    const { next } = await inboxOf(server, ann.token);
    const waiting = call(server, `GET /messages?format=simple&wait=30&after=${next}`, { as: ann.token });
    await until("the request to wait", () => server.hub.clientsOf(Number(ann.id) as never).length === 3);

    await server.domain.accountRemoval[end](Number(ann.id) as never);
    expect(await withDeadline("the close", ann.client.closed)).toEqual(disabled);
    await gone;
    expect((await withDeadline("the request's end", waiting)).status).toBe(401);
    expect((await call(server, "GET /messages?format=simple", { as: ann.token })).status).toBe(401);
    using late = await MiniClient.connect(server.http, "json");
    expect(await late.ask({ action: "auth.login", token: ann.token })).toMatchObject({ reason: "Invalid token" });
    await phone.endAsync(true);
    await expect(mqtt.connectAsync(`mqtt://${server.mqtt}`, options, false)).rejects.toThrow();
    expect((await say(server, bob.token, "team", "without Ann")).status).toBe(200);
    expect(server.hub.isOnline(Number(ann.id) as never)).toBe(false);
  });
});

test("a disabled user is back with a new token and their chats; their messages waited", async () => {
  await using server = await startTestServer();
  const ann = await participant(server, "ann");
  const bob = await participant(server, "bob");
  await room(server, "team", "bob", "ann");
  const chatId = String((await server.store.findChat({ key: "team" }))?.chatId);
  const shown = async (): Promise<unknown> => {
    await bob.client.fence();
    const { members } = await bob.client.ask({ action: "chat.get", chat_id: chatId });
    return (members as { user_id: string }[]).map((member) => member.user_id);
  };
  expect(await shown()).toEqual([bob.id, ann.id]);
  await server.domain.accountRemoval.disable(Number(ann.id) as never);
  expect(await shown()).toEqual([bob.id]);
  for (const action of ["chat.create", "chat.add"]) {
    const refused = await bob.client.ask({ action, chat_id: chatId, members: [ann.id] });
    expect([action, refused.action]).toEqual([action, `${action}.fail`]);
  }
  await say(server, bob.token, "team", "while away");
  await server.domain.accountRemoval.enable(Number(ann.id) as never);
  const again = await participant(server, "ann");
  const inbox = await call(server, "GET /chats/team/messages", { as: again.token });
  expect(JSON.parse(inbox.text).messages).toMatchObject([{ content: "while away" }]);
});

test("what a removed user owned is the longest member's, his name is free, and what he said stays", async () => {
  await using server = await startTestServer();
  const ann = await participant(server, "ann");
  const bob = await participant(server, "bob");
  const chat = await groupOf(ann, bob);
  ann.client.send(chat, "hello");
  await bob.client.pushes(1);
  await ann.client.fence();
  await server.domain.contacts.requestFriend(Number(bob.id) as never, Number(ann.id));
  await server.domain.accountRemoval.remove(Number(ann.id) as never);
  const told = (await bob.client.fence()).filter(({ action }) => action !== "contact.changed");
  expect<unknown>(told).toEqual([
    { action: "chat.left", chat_id: chat, members: [ann.id], owner_id: bob.id, deleted: false },
  ]);
  expect(await bob.client.ask({ action: "user.get", user_id: ann.id })).toMatchObject({ reason: "User not found" });
  const history = await bob.client.ask({ action: "message.get", chat_id: chat });
  expect(history["messages"]).toMatchObject([{ content: "hello", sender: ann.id }]);
  expect(await server.domain.contacts.list(Number(bob.id) as never)).toEqual([]);
  const again = await participant(server, "ann");
  expect(again.id).not.toBe(ann.id);
  await expect(server.domain.accountRemoval.remove(Number(ann.id) as never)).rejects.toMatchObject({
    code: "user_not_found",
  });
});

test("a log-in that was under way when the account ended is none", async () => {
  // Slow enough that the account ends first.
  await using server = await startTestServer({ passwordCost: { memoryKib: 19_456, passes: 2, scram: "generated" } });
  const ann = await person(server.http, "Ann", "json");
  using other = await MiniClient.connect(server.http, "json");
  other.say({ action: "auth.login", user_id: ann.id, password: "secret" });
  await server.domain.accountRemoval.disable(Number(ann.id) as never);
  const answer = await other.next().catch(() => undefined);
  if (answer === undefined) expect(await withDeadline("the close", other.closed)).toEqual(disabled);
  else expect(answer).toMatchObject({ action: "auth.login.fail", reason: "User disabled" });
  expect(server.hub.isOnline(Number(ann.id) as never)).toBe(false);
});
