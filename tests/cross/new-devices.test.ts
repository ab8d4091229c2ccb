/**
 * Where a new device begins, at every door: where its user stands. What no client of the user took waits there, and what
 * one confirmed does not come again.
 */
import { expect, test } from "bun:test";
import { MiniClient, messagesOf } from "../minioicq/client.ts";
import { asBackend, enroll, inboxOf, room, say } from "../rest/client.ts";
import { until } from "../support/deadline.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { MqttClient } from "./mqtt-client.ts";

interface Stage extends AsyncDisposable {
  readonly server: TestServer;
  readonly anna: string;
  say(content: string, chatID?: string): Promise<unknown>;
  /** What waits for Anna where a client names no device. */
  waiting(): Promise<string[]>;
}

async function open(): Promise<Stage> {
  const server = await startTestServer();
  const [anna = "", ben = ""] = await enroll(server, "anna", "ben");
  await room(server, "team", "anna", "ben");
  await room(server, "garden", "anna", "ben");
  return {
    server,
    anna,
    say: (content, chatID = "team") => say(server, ben, chatID, content),
    waiting: async () => (await inboxOf(server, anna)).messages.map(({ content }) => content),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** A session of Anna's that hears of these chats, and confirms everything but `left`. */
async function listen(stage: Stage, session: { clientId: string; clean: boolean; chats?: string; left?: string }) {
  const { clientId, clean, chats = "+", left } = session;
  const heard: string[] = [];
  const counts: (number | undefined)[] = [];
  const client = await MqttClient.connect(
    stage.server.mqtt,
    { username: "anna", password: stage.anna, clientId, clean },
    {
      onPublish({ payload, messageId: packetId }, here) {
        const { content, waiting } = JSON.parse(payload.toString()) as { content: string; waiting?: number };
        heard.push(content);
        counts.push(waiting);
        if (content !== left) here.puback(packetId ?? 0);
      },
    },
  );
  await client.subscribe(`chat/${chats}/messages`);
  return {
    heard,
    counts,
    client,
    hears: (content: string) => until(`"${content}"`, () => heard.includes(content)),
    /** Everything confirmed has been read by the server. */
    leave: async () => {
      await client.ping();
      client.end();
      await client.whenClosed();
    },
  };
}

/** The first time a device of this door comes: everything it is given, which it confirms. */
const firstVisits = {
  async MQTT(stage: Stage) {
    const phone = await listen(stage, { clientId: "new", clean: false });
    await stage.say("the end", "garden");
    await phone.hears("the end");
    await phone.leave();
    return phone.heard.slice(0, -1);
  },
  async REST(stage: Stage) {
    const made = await asBackend(stage.server, "POST /token", { userID: "anna", clientID: "new" });
    const { accessToken } = JSON.parse(made.text) as { accessToken: string };
    return (await inboxOf(stage.server, accessToken)).messages.map(({ content }) => content);
  },
  async MiniOICQ(stage: Stage) {
    using client = await MiniClient.connect(stage.server.http);
    await client.ask({ action: "auth.login", token: stage.anna, device_id: "new" });
    await stage.say("the end", "garden");
    const pushed: string[] = [];
    while (pushed.at(-1) !== "the end") {
      const frame = await client.next();
      if (frame.action === "message.push") pushed.push(...messagesOf(frame).map(({ content }) => content));
    }
    await client.fence();
    await client.bye();
    return pushed.slice(0, -1);
  },
} as const;

const doors = Object.entries(firstVisits);

test("where a client begins, it is told how many messages wait", async () => {
  await using stage = await open();
  for (const content of ["1", "2", "3"]) await stage.say(content);
  expect(await inboxOf(stage.server, stage.anna, "&limit=2")).toMatchObject({ waiting: 3 });
  const whole = await inboxOf(stage.server, stage.anna);
  // Events count with messages for a page, and alone are not messages.
  expect(whole).toMatchObject({ waiting: 3 });
  expect(await inboxOf(stage.server, stage.anna, `&after=${whole.next}`)).not.toHaveProperty("waiting");
  const phone = await listen(stage, { clientId: "phone", clean: false, left: "3" });
  await phone.hears("3");
  expect(phone.counts).toEqual([3, undefined, undefined]);
  await phone.leave();
  await stage.say("4");
  const again = await listen(stage, { clientId: "phone", clean: false });
  await again.hears("4");
  expect([again.heard, again.counts]).toEqual([
    ["3", "4"],
    [undefined, undefined],
  ]);
  await again.leave();
  await stage.say("5");
  using desk = await MiniClient.connect(stage.server.http);
  await desk.ask({ action: "auth.login", token: stage.anna, device_id: "desk", extensions: true });
  let frame = await desk.next();
  while (frame.action !== "message.push") frame = await desk.next();
  expect(frame).toMatchObject({ waiting: 1, messages: [{ content: "5" }] });
  await stage.say("6");
  expect(await desk.next()).not.toHaveProperty("waiting");
  using plain = await MiniClient.connect(stage.server.http);
  await plain.ask({ action: "auth.login", token: stage.anna, device_id: "plain" });
  await stage.say("7");
  for (let heard = 0; heard < 1; ) {
    const next = await plain.next();
    if (next.action !== "message.push") continue;
    expect(next).not.toHaveProperty("waiting");
    heard += 1;
  }
});

test.each(doors)(
  "%s: a new device is given what no client took, and takes it from the user's inbox",
  async (door, visit) => {
    await using stage = await open();
    await stage.say("one");
    await stage.say("two");
    expect(await visit(stage)).toEqual(["one", "two"]);
    if (door === "REST") {
      // Fetching confirms nothing.
      expect(await stage.waiting()).toEqual(["one", "two"]);
      return;
    }
    expect((await stage.waiting()).filter((content) => content !== "the end")).toEqual([]);
  },
);

test.each(doors)(
  "%s: a new device is given nothing that another client confirmed, not even just now",
  async (_, visit) => {
    await using stage = await open();
    await stage.say("one");
    const phone = await listen(stage, { clientId: "phone", clean: false, left: "three" });
    await phone.hears("one");
    for (const content of ["two", "three", "four"]) {
      await stage.say(content);
      await phone.hears(content);
    }
    await phone.leave();
    expect(await visit(stage)).toEqual(["three"]);
  },
);

test.each(doors)("%s: a session that hears only what is said meanwhile takes nothing older", async (_, visit) => {
  await using stage = await open();
  await stage.say("one");
  const radio = await listen(stage, { clientId: "radio", clean: true });
  await stage.say("two");
  await radio.hears("two");
  await stage.say("three");
  await radio.hears("three");
  await radio.leave();
  await stage.say("four");
  expect(await stage.waiting()).toEqual(["one", "four"]);
  expect(await visit(stage)).toEqual(["one", "four"]);
});

test.each(doors)("%s: what a device skipped waits elsewhere, whatever the device hears later", async (_, visit) => {
  await using stage = await open();
  const phone = await listen(stage, { clientId: "phone", clean: false, chats: "garden" });
  await stage.say("skipped");
  await stage.say("heard", "garden");
  await phone.hears("heard");
  await phone.client.subscribe("chat/team/messages", 2);
  await stage.say("also heard");
  await phone.hears("also heard");
  expect(phone.heard).toEqual(["heard", "also heard"]);
  await phone.leave();
  expect(await stage.waiting()).toEqual(["skipped"]);
  expect(await visit(stage)).toEqual(["skipped"]);
});
