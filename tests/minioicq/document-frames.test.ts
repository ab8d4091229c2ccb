/**
 * The frames the MiniOICQ document prints, kept as it prints them (`frames/*.json5`, trailing commas and all): its
 * requests are sent as they stand, with ids and times in place of the words in brackets, and its answers say what ours
 * must hold.
 */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { startTestServer } from "../support/server.ts";
import { type Action, encodings, MiniClient, newUser } from "./client.ts";

type Words = Readonly<Record<string, string>>;

/** A frame of the document; `words` take the place of its words in brackets, the others stand for themselves. */
async function printed(name: string, words: Words = {}): Promise<Action> {
  const text = await Bun.file(join(import.meta.dir, "frames", `${name}.json5`)).text();
  const filled = text.replace(/"(\[[^"]*\])"/g, (quoted, word: string) =>
    words[word] === undefined ? quoted : JSON.stringify(words[word]),
  );
  return JSON.parse(filled.replace(/,(\s*[}\]])/g, "$1")) as Action;
}

/** What Roost says beside the document's keys (O3, O9, O16, O17). */
const besides: Readonly<Record<string, readonly string[]>> = {
  "message.push": ["client_id", "sender_id", "seq"],
  "message.retrieve": ["chat_id", "client_id", "message_id", "sender_id", "seq"],
  "chat.spawn": ["chat_name"],
  "user.push": ["user_name"],
  "user.sync": ["chats", "messages"],
};

/** All the document's keys with values of the document's types, and no others but those we speak of. */
function expectAsPrinted(got: unknown, document: unknown, action: string): void {
  if (Array.isArray(document)) {
    expect(Array.isArray(got)).toBe(true);
    for (const one of got as unknown[]) expectAsPrinted(one, document[0], action);
  } else if (typeof document === "object" && document !== null) {
    const keys = Object.keys(got as object).filter((key) => !besides[action]?.includes(key) || key in document);
    expect({ action, keys: keys.sort() }).toEqual({ action, keys: Object.keys(document).sort() });
    for (const [key, value] of Object.entries(document)) {
      expectAsPrinted((got as Record<string, unknown>)[key], value, action);
    }
  } else {
    expect<unknown>({ action, got: typeof got }).toEqual({ action, got: typeof document });
  }
}

describe.each([...encodings])("in %s", (encoding) => {
  async function ask(client: MiniClient, request: string, words: Words, answer: string): Promise<Action> {
    const got = await client.ask(await printed(request, words));
    expectAsPrinted(got, await printed(answer), got.action);
    expect(got.action).toBe((await printed(answer)).action);
    return got;
  }

  test("registering and logging in", async () => {
    await using server = await startTestServer();
    using client = await MiniClient.connect(server.http, encoding);
    const registered = await ask(client, "auth.register", {}, "auth.register.success");
    expect(registered).toMatchObject({ user_name: "[user's display name]", password: "[user's password]" });
    const id = { "[user ID]": String(registered["user_id"]) };
    const loggedIn = await ask(client, "auth.login", id, "auth.login.success");
    expect({ ...loggedIn, action: "" }).toEqual({ ...registered, action: "" });
    const wrong = { ...id, "[user's password]": "wrong" };
    expect(await ask(client, "auth.login", wrong, "auth.login.fail")).toMatchObject({ reason: "Incorrect password" });
    const nobody = { "[user ID]": "9" };
    expect(await ask(client, "auth.login", nobody, "auth.login.fail")).toMatchObject({ reason: "User not found" });
    client.say(await printed("auth.logout"));
    expect((await client.closed).code).toBe(1000);
  });

  test("people, chats and messages", async () => {
    await using server = await startTestServer();
    const { client, id } = await newUser(server.http, "Ann", encoding);
    const bob = await newUser(server.http, "Bob", encoding);
    await ask(client, "user.sync.request", {}, "user.sync.answer");
    await ask(client, "heartbeat", {}, "heartbeat.ack");
    await ask(client, "user.get", { "[user_id]": bob.id }, "user.push");
    const spawn = await ask(client, "chat.create", { "[user_id]": bob.id }, "chat.spawn");
    expectAsPrinted(await bob.client.next(), await printed("chat.spawn"), "chat.spawn");
    expect(spawn).toMatchObject({ owner_id: id, members: [{ user_id: id }, { user_id: bob.id }] });
    const time = "2024-07-13T12:00:00Z";
    const words = { "[recipient's chat_id]": String(spawn["chat_id"]), "[iso time string]": time, "[type]": "text" };
    const sent = await ask(client, "message.send", words, "message.push");
    const message = { chat_id: spawn["chat_id"], sender: id, type: "text", content: "[data]" };
    expect(sent).toMatchObject({ messages: [{ ...message, time: "2024-07-13T12:00:00.000Z" }] });
    const pushed = await bob.client.next();
    expectAsPrinted(pushed, await printed("message.push"), "message.push");
    bob.client.say(await printed("message.push.ack"));
    expect(await bob.client.fence()).toEqual([]);
    const unknown = await ask(client, "message.send", { ...words, "[recipient's chat_id]": "9" }, "message.send.fail");
    expect(unknown).toEqual(await printed("message.send.fail"));
    const range = { "[user_id]": bob.id, "[start]": "", "[end]": "" };
    const history = await ask(client, "message.get", range, "message.retrieve");
    expect(history).toMatchObject({ messages: [message] });
    const [start, end] = ["2024-07-14T00:00:00Z", "2024-07-15T00:00:00Z"];
    const later = await client.ask(await printed("message.get", { ...range, "[start]": start, "[end]": end }));
    expect(later).toEqual({ action: "message.retrieve", messages: [] });
  });

  test("setting an avatar", async () => {
    await using server = await startTestServer();
    const { client } = await newUser(server.http, "Ann", encoding);
    const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    await ask(client, "avatar.set", { "[avatar]": pixel }, "avatar.set.ack");
  });
});
