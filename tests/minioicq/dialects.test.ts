/**
 * The dialects of the original desktop client, each in a recorded conversation (`conversations/`), and what tells them
 * apart (O2, O9, O14, O16). In a recording `$word` is a value met for the first time or the same as
 * before, as a string; `$#word` the same as a number. What a client does not read is left out.
 */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { startTestServer, type TestServer } from "../support/server.ts";
import { encodings, MiniClient, messagesOf, newUser } from "./client.ts";

interface Step {
  readonly qt?: "says" | "hears";
  readonly bob?: "says" | "hears";
  readonly frame: Readonly<Record<string, unknown>>;
}

const record = async (name: string): Promise<readonly Step[]> =>
  Bun.file(join(import.meta.dir, "conversations", `${name}.json`)).json();

type Known = Map<string, string>;

function filled(value: unknown, known: Known): unknown {
  if (typeof value === "string" && value.startsWith("$")) {
    const word = known.get(value.replace(/^\$#?/, ""));
    if (word === undefined) throw new Error(`nobody said ${value} yet`);
    return value.startsWith("$#") ? Number(word) : word;
  }
  if (Array.isArray(value)) return value.map((one) => filled(one, known));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, filled(one, known)]));
}

/** Takes the words of `expected` that are new from where they stand in `got`. */
function learn(expected: unknown, got: unknown, known: Known): void {
  if (typeof expected === "string" && expected.startsWith("$")) {
    const word = expected.replace(/^\$#?/, "");
    if (!known.has(word)) known.set(word, String(got));
  } else if (typeof expected === "object" && expected !== null) {
    for (const [key, one] of Object.entries(expected))
      learn(one, (got as Record<string, unknown> | null)?.[key], known);
  }
}

async function play(server: TestServer, name: string): Promise<void> {
  const bob = await newUser(server.http, "Bob", "json");
  using qt = await MiniClient.connect(server.http, "json", { path: "/" });
  const known: Known = new Map([["bob", bob.id]]);
  for (const [at, { qt: isQt, bob: isBob, frame }] of (await record(name)).entries()) {
    const client = isQt === undefined ? bob.client : qt;
    if ((isQt ?? isBob) === "says") {
      client.say(filled(frame, known) as Record<string, unknown>);
      continue;
    }
    const got = await client.next();
    learn(frame, got, known);
    expect<unknown>({ at, ...got }).toMatchObject({ at, ...(filled(frame, known) as object) });
  }
  expect([await qt.fence(), await bob.client.fence()]).toEqual([[], []]);
}

test("O2 O9 O16 the desktop client that reads strings, sender and name holds a conversation", async () => {
  await using server = await startTestServer();
  await play(server, "desktop-strings");
});

test("O2 O9 O14 O16 the desktop client that reads numbers, sender_id, chat_name and base64 holds one too", async () => {
  await using server = await startTestServer({ env: { ROOST_WS_INTEGER_IDS: "always", ROOST_WS_TEXT_BASE64: "auto" } });
  await play(server, "desktop-integers");
});

describe.each([...encodings])("in %s", (encoding) => {
  test("O14 text in base64 is plain for everybody else, where the operator lets it", async () => {
    await using server = await startTestServer({ env: { ROOST_WS_TEXT_BASE64: "auto" } });
    const ann = await newUser(server.http, "Ann", encoding);
    const bob = await newUser(server.http, "Bob", encoding);
    const { chat_id: chat } = await ann.client.ask({ action: "chat.create", members: [bob.id] });
    await bob.client.fence();
    const base64 = (text: string) => Buffer.from(text).toString("base64");
    const both = async (from: typeof ann, type: string, content: string) => {
      from.client.send(chat, content, { type });
      const [mine] = await ann.client.pushes(1);
      const [theirs] = await bob.client.pushes(1);
      return [mine?.content, theirs?.content];
    };
    const odd = "\uFEFFgrüße 👩‍👩‍👧\u0000";
    expect(await both(ann, "text/plain", base64("hello"))).toEqual([base64("hello"), "hello"]);
    expect(await both(ann, "text/plain", base64(odd))).toEqual([base64(odd), odd]);
    // What is no canonical base64 of UTF-8 is what it is, and carried like any text.
    for (const plain of ["hello", "aGVsbG8", "/w==", "aGVsbG9=", " "]) {
      expect(await both(ann, "text/plain", plain)).toEqual([base64(plain), plain]);
    }
    expect(await both(ann, "image/png", base64("hello"))).toEqual([base64("hello"), base64("hello")]);
    expect(await both(bob, "text", base64("as it is"))).toEqual([base64(base64("as it is")), base64("as it is")]);
    expect(await both(bob, "text/plain", "")).toEqual(["", ""]);
    const history = async (client: MiniClient) =>
      messagesOf(await client.ask({ action: "message.get", chat_id: chat, start: 0, end: 0 }))[0]?.content;
    // Bob wrote a MIME type last, so the server writes them to Bob too.
    expect([await history(ann.client), await history(bob.client)]).toEqual([base64("hello"), base64("hello")]);
    bob.client.send(chat, "short again");
    await bob.client.fence();
    expect(await history(bob.client)).toBe("hello");
  });

  test("O14 the same for text that is large enough for a file, and for bytes that MessagePack carries", async () => {
    await using server = await startTestServer({ env: { ROOST_WS_TEXT_BASE64: "auto" } });
    const ann = await newUser(server.http, "Ann", encoding);
    const bob = await newUser(server.http, "Bob", encoding);
    const { chat_id: chat } = await ann.client.ask({ action: "chat.create", members: [bob.id] });
    await bob.client.fence();
    const words = ["grüße ".repeat(1000), "grüße ".repeat(20_000)];
    for (const plain of words) {
      const bytes = Buffer.from(plain);
      const content = encoding === "msgpack" ? bytes : bytes.toString("base64");
      ann.client.send(chat, content, { type: "text/plain" });
      const [mine] = await ann.client.pushes(1);
      const [theirs] = await bob.client.pushes(1);
      expect([mine?.content === bytes.toString("base64"), theirs?.content === plain]).toEqual([true, true]);
    }
    const history = async ({ client }: typeof ann) =>
      messagesOf(await client.ask({ action: "message.get", chat_id: chat })).map(({ content }) => content);
    expect((await history(bob)).every((content, at) => content === words[at])).toBe(true);
    expect(
      (await history(ann)).every((content, at) => content === Buffer.from(words[at] ?? "").toString("base64")),
    ).toBe(true);
  });

  test("O14 without that, text comes back as it was written", async () => {
    await using server = await startTestServer();
    const { client, id } = await newUser(server.http, "Ann", encoding);
    client.send(id, "aGVsbG8=", { type: "text/plain" });
    expect(
      (await client.fence()).flatMap((one) => (one.action === "message.push" ? messagesOf(one) : [])),
    ).toMatchObject([{ content: "aGVsbG8=" }]);
  });
});
