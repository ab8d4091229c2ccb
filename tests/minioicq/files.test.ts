/** Large content in pushes and histories, in both encodings: as it was said, or as an address where the client wants that. */
import { expect, test } from "bun:test";
import { enroll, room } from "../rest/client.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { type Action, type Encoding, encodings, MiniClient, messagesOf } from "./client.ts";

const kib = 1024;

interface Shown {
  readonly seq: number;
  readonly content?: string;
  readonly client_id?: string;
  readonly file?: { readonly hash: string; readonly url: string; readonly bytes: number; readonly type: string };
}

const shownIn = (frame: Action): readonly Shown[] => messagesOf(frame);

function picture(bytes: number, seed = 0): Uint8Array {
  const content = Uint8Array.from({ length: bytes }, (_, at) => (at * 11 + seed) & 0xff);
  content.set([0xff, 0xd8, 0xff, 0xe0]);
  return content;
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
const hashOf = (bytes: Uint8Array): string => new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
const fileOf = (bytes: Uint8Array, type = "image/jpeg") => ({
  hash: hashOf(bytes),
  url: `/_/files/${hashOf(bytes)}`,
  bytes: bytes.byteLength,
  type,
});

/** Anna and Ben in one chat, with tokens to log in and to fetch files by. */
async function stage(server: TestServer) {
  const [anna = "", ben = ""] = await enroll(server, "anna", "ben");
  await room(server, "team", "anna", "ben");
  return { anna, ben };
}

async function logIn(server: TestServer, token: string, encoding: Encoding, more: Record<string, unknown> = {}) {
  const client = await MiniClient.connect(server.http, encoding);
  const answer = await client.ask({ action: "auth.login", token, ...more });
  if (answer.action !== "auth.login.success") throw new Error(`not logged in: ${answer["reason"]}`);
  return { client, answer };
}

/** The chat's number, from its announcement at the first login. */
async function chatIdOf(client: MiniClient): Promise<string> {
  const spawn = await client.next();
  expect(spawn.action).toBe("chat.spawn");
  return String(spawn["chat_id"]);
}

const say = (client: MiniClient, chatId: string, content: unknown, more: Record<string, unknown> = {}): void =>
  client.send(chatId, content, { type: "image", ...more });

async function nextMessage(client: MiniClient): Promise<Shown | undefined> {
  const frame = await client.next(15_000);
  if (frame.action !== "message.push") throw new Error(`not a push: ${frame.action} ${frame["reason"]}`);
  expect(messagesOf(frame)).toHaveLength(1);
  return shownIn(frame)[0];
}

test.each(encodings)(
  "large content stands in a push beside its file: live, missed, asked for, and echoed (%s)",
  async (encoding) => {
    await using server = await startTestServer();
    const { anna, ben } = await stage(server);
    const sender = (await logIn(server, anna, encoding)).client;
    const chatId = await chatIdOf(sender);
    const listener = (await logIn(server, ben, encoding)).client;
    await chatIdOf(listener);
    const large = picture(300 * kib);
    const expected = { content: base64(large), file: fileOf(large), seq: 1 };
    say(sender, chatId, encoding === "msgpack" ? large : base64(large), { client_id: "p1" });
    expect(await nextMessage(sender)).toMatchObject({ ...expected, client_id: "p1" });
    expect(await nextMessage(listener)).toMatchObject(expected);
    await listener.bye();
    const missed = [picture(700 * kib, 1), picture(64 * kib, 2), picture(900 * kib, 3)];
    for (const one of missed) say(sender, chatId, base64(one));
    say(sender, chatId, "small");
    for (const one of missed) expect((await nextMessage(sender))?.content).toBe(base64(one));
    expect(await nextMessage(sender)).not.toHaveProperty("file");
    using returned = (await logIn(server, ben, encoding)).client;
    const pushed: Shown[] = [];
    while (pushed.length < 4) pushed.push(...shownIn(await returned.next(15_000)));
    expect(pushed.map(({ seq }) => seq)).toEqual([2, 3, 4, 5]);
    expect(pushed.slice(0, 3).every(({ content }, index) => content === base64(missed[index] ?? large))).toBe(true);
    expect(pushed.map(({ file }) => file)).toEqual([...missed.map((one) => fileOf(one)), undefined]);
    const { messages } = (await returned.ask({ action: "message.get", chat_id: chatId })) as unknown as {
      messages: Shown[];
    };
    expect(messages.map(({ content }) => content?.length)).toEqual(
      [large, ...missed].map((one) => base64(one).length).concat(5),
    );
  },
);

test.each(encodings)(
  "a client that asks for files by url is told where they are, of what is small all the same (%s)",
  async (encoding) => {
    await using server = await startTestServer({ env: { ROOST_LIMITS_WEBSOCKET_FRAME_BYTES: "16 MiB" } });
    const { anna, ben } = await stage(server);
    const sender = (await logIn(server, anna, "json")).client;
    const chatId = await chatIdOf(sender);
    const { client: listener, answer } = await logIn(server, ben, encoding, { files: "url" });
    expect(answer).toMatchObject({ files: "url" });
    await chatIdOf(listener);
    const [large, other] = [picture(300 * kib), picture(2000 * kib, 1)];
    say(sender, chatId, base64(large));
    say(sender, chatId, "small");
    expect((await nextMessage(sender))?.content).toBe(base64(large));
    await nextMessage(sender);
    const told = await nextMessage(listener);
    expect(told).toMatchObject({ seq: 1, file: fileOf(large) });
    expect(told).not.toHaveProperty("content");
    expect(await nextMessage(listener)).toMatchObject({ seq: 2, content: "small" });
    // Its own messages too.
    say(listener, chatId, encoding === "msgpack" ? other : base64(other), { client_id: "mine" });
    const echoed = await nextMessage(listener);
    expect(echoed).toMatchObject({ seq: 3, client_id: "mine", file: fileOf(other) });
    expect(echoed).not.toHaveProperty("content");
    const answered = await fetch(`http://${server.http}${echoed?.file?.url}`, { headers: { Authorization: ben } });
    expect(Buffer.compare(await answered.bytes(), other)).toBe(0);
    await listener.bye();
    for (let n = 0; n < 20; n += 1) say(sender, chatId, base64(picture(200 * kib, n)));
    // A slow machine brings several in one push.
    for (let shown = 0; shown < 21; ) shown += shownIn(await sender.next(15_000)).length;
    using returned = (await logIn(server, ben, encoding, { files: "url" })).client;
    // So little that it is one push.
    const missed = shownIn(await returned.next());
    expect(missed.map(({ file, content }) => [file?.hash, content])).toEqual(
      Array.from({ length: 20 }, (_, n) => [hashOf(picture(200 * kib, n)), undefined]),
    );
    const { messages } = (await returned.ask({ action: "message.get", chat_id: chatId })) as unknown as {
      messages: Shown[];
    };
    expect(messages.map(({ content }) => content)).toEqual(
      messages.map(({ seq }) => (seq === 2 ? "small" : undefined)),
    );
    // On the same connection it may change its mind.
    const again = await returned.ask({ action: "auth.login", token: ben });
    expect(again).not.toHaveProperty("files");
    const whole = (await returned.ask({ action: "message.get", chat_id: chatId, start: 0, end: 0 })) as unknown as {
      messages: Shown[];
    };
    expect(whole.messages[0]?.content).toBe(base64(large));
    const refused = await returned.ask({ action: "auth.login", token: ben, files: "both" });
    expect(refused).toEqual({ action: "auth.login.fail", reason: "Invalid files" });
  },
);

test.each(encodings)("content that would not fit a frame comes as its file alone (%s)", async (encoding) => {
  await using server = await startTestServer({ env: { ROOST_LIMITS_WEBSOCKET_FRAME_BYTES: "1MiB" } });
  const { anna, ben } = await stage(server);
  const sender = (await logIn(server, anna, "msgpack")).client;
  const chatId = await chatIdOf(sender);
  const listener = (await logIn(server, ben, encoding)).client;
  await chatIdOf(listener);
  const [fits, large] = [picture(700 * kib), picture(900 * kib, 1)];
  const check = async (client: MiniClient): Promise<void> => {
    const told: Shown[] = [];
    while (told.length < 2) told.push(...shownIn(await client.next(15_000)));
    expect(told).toMatchObject([{ file: fileOf(large) }, { file: fileOf(fits) }]);
    expect(told.map(({ content }) => content === base64(fits))).toEqual([false, true]);
    expect(told[0]).not.toHaveProperty("content");
  };
  say(sender, chatId, large);
  say(sender, chatId, fits);
  await check(sender);
  await check(listener);
  await listener.bye();
  say(sender, chatId, large);
  say(sender, chatId, fits);
  await check(sender);
  using returned = (await logIn(server, ben, encoding)).client;
  await check(returned);
});

test("messages of one frame that wait for room are pushed once", async () => {
  await using server = await startTestServer();
  const { anna } = await stage(server);
  const { client } = await logIn(server, anna, "msgpack");
  const chatId = await chatIdOf(client);
  // The first fills what may wait for a reader, so that the others wait until it is written.
  const sizes = [900 * kib, 5 * kib, 5 * kib];
  client.say({
    action: "message.send",
    messages: sizes.map((size) => ({ chat_id: chatId, type: "image", content: picture(size) })),
  });
  const seqs: unknown[] = [];
  const hear = async (last: number): Promise<void> => {
    while (!seqs.includes(last)) {
      const frame = await client.next(15_000);
      if (frame.action === "message.push") seqs.push(...shownIn(frame).map(({ seq }) => seq));
    }
  };
  await hear(3);
  client.send(chatId, "afterwards");
  await hear(4);
  expect(seqs).toEqual([1, 2, 3, 4]);
});

test("many pictures in one frame are each their own", async () => {
  await using server = await startTestServer();
  const { anna } = await stage(server);
  const { client } = await logIn(server, anna, "msgpack");
  const chatId = await chatIdOf(client);
  const sizes = Array.from({ length: 24 }, (_, n) => (n % 3 === 2 ? 5 : 70 + n) * kib);
  const pictures = sizes.map((size, n) => picture(size, n));
  client.say({
    action: "message.send",
    messages: pictures.map((content) => ({ chat_id: chatId, type: "image", content })),
  });
  // The memory of the first frame may be used for another.
  client.raw(new Uint8Array(Buffer.from(`\xc4\xff${"x".repeat(255)}`, "latin1")));
  const shown: Shown[] = [];
  while (shown.length < pictures.length) {
    const frame = await client.next(15_000);
    if (frame.action === "message.push") shown.push(...shownIn(frame));
  }
  expect(shown.every(({ content }, n) => content === base64(pictures[n] ?? new Uint8Array()))).toBe(true);
  expect(shown.map(({ file }) => file?.bytes)).toEqual(sizes.map((size) => (size < 64 * kib ? undefined : size)));
});

test("what a connection says is answered in its order, large or small, and others are not held up", async () => {
  await using server = await startTestServer();
  const { anna, ben } = await stage(server);
  const sender = (await logIn(server, anna, "json")).client;
  const chatId = await chatIdOf(sender);
  using other = (await logIn(server, ben, "json")).client;
  await chatIdOf(other);
  for (let round = 0; round < 5; round += 1) {
    say(sender, chatId, base64(picture(100 * kib, round)), { client_id: `large ${round}` });
    for (let n = 0; n < 4; n += 1) sender.send(chatId, `${round}.${n}`, { client_id: `${round}.${n}` });
    sender.send("1", "nowhere", { client_id: `refused ${round}` });
  }
  const ids: unknown[] = [];
  while (ids.length < 30) {
    const frame = await sender.next(15_000);
    ids.push(frame.action === "message.push" ? shownIn(frame)[0]?.client_id : frame["client_id"]);
  }
  expect(ids).toEqual(
    [0, 1, 2, 3, 4].flatMap((round) => [
      `large ${round}`,
      ...[0, 1, 2, 3].map((n) => `${round}.${n}`),
      `refused ${round}`,
    ]),
  );
  const heard: Shown[] = [];
  while (heard.length < 25) heard.push(...shownIn(await other.next(15_000)));
  expect(heard.map(({ seq }) => seq)).toEqual(Array.from({ length: 25 }, (_, n) => n + 1));
});
