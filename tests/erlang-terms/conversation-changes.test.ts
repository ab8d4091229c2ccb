/** What follows a message in terms: edits and deletions, history, how far others have read, who writes, who is there. */
import { expect, test } from "bun:test";
import { decode, encode } from "@msgpack/msgpack";
import type { WireTerm } from "../../src/etf/encode.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { atom, binary, Conversation, message, p2p, text, text2017, tuple } from "./conversation-stage.ts";

const history = (feed: WireTerm, size: WireTerm, entity: WireTerm, status = "get"): WireTerm =>
  tuple("History", [], feed, size, entity, [], atom(status));
const invalid = ["own {io,{error,invalid_data},<<>>}"];
const notFound = ["own {io,{error,not_found},<<>>}"];
const notAuthorized = ["own {io,{error,not_authorized},<<>>}"];

async function pair() {
  const stage = await Conversation.start();
  const a = await stage.phone("A");
  const b = await stage.phone("B");
  const feed = p2p(stage.id("A"), stage.id("B"));
  await stage.ask(b, tuple("Typing", binary("nowhere"), []));
  return { stage, a, b, feed, [Symbol.asyncDispose]: () => stage[Symbol.asyncDispose]() };
}

test("an edit and a deletion are answered Ack and heard by both; only one's own can be edited", async () => {
  await using all = await pair();
  const { stage, a, b, feed } = all;
  await stage.ask(a, message({ feed, msgId: binary("m"), files: text("helo") }));
  await stage.hears(b, 1);
  const edited = (type: string) =>
    `p2p/A/B@0 {Message,1,chain,{p2p,A,B},[],[],<<m>>,A,B,Time,[{Desc,[],<<text>>,<<hello>>,[],[]}],${type},edit}`;
  const edit = message({ id: 1, feed, msgId: binary("e"), files: text("hello"), status: atom("edit") });
  expect((await stage.ask(a, edit)).toSorted()).toEqual(["own {Ack,Message,<<e>>}", edited("[edited],[],[],[],[]")]);
  expect(await stage.hears(b, 1)).toEqual([edited("[edited],[],[],[],[]")]);
  expect(await stage.ask(b, edit)).toEqual(notFound);
  expect(await stage.ask(a, message({ id: 2, feed, files: text("none"), status: atom("edit") }))).toEqual(notFound);
  const elsewhere = p2p(stage.id("A"), stage.id("A"));
  expect(await stage.ask(a, message({ id: 1, feed: elsewhere, files: text("x"), status: atom("edit") }))).toEqual(
    notFound,
  );
  expect(await stage.ask(a, message({ feed, files: text("x"), status: atom("edit") }))).toEqual(invalid);
  // The earlier layout names the message in its field of its own.
  const earlier = tuple("Message", [], [], feed, [], [], [], [], [], [], text2017("hello!"), [], 1, atom("edit"));
  expect((await stage.ask(a, earlier)).filter((one) => one.startsWith("own"))).toEqual(["own {Ack,Message,1}"]);
  await stage.hears(b, 1);
  expect(await stage.ask(a, message({ id: 1, seenBy: [stage.id("A")], status: atom("delete") }))).toEqual(invalid);
  expect(await stage.ask(b, message({ id: 1, feed, status: atom("delete") }))).toEqual([
    "own {io,{error,permission_denied},<<>>}",
  ]);
  const deleted = "p2p/A/B@0 {Message,1,chain,{p2p,A,B},[],[],[],A,B,[],[],[],[],[],[],[],delete}";
  expect((await stage.ask(a, message({ id: 1, feed, status: atom("delete") }))).toSorted()).toEqual([
    "own {Ack,Message,1}",
    deleted,
  ]);
  expect(await stage.hears(b, 1)).toEqual([deleted]);
});

test("history is asked backwards and forwards from a message, and moves how far one has read", async () => {
  await using all = await pair();
  const { stage, a, b, feed } = all;
  for (const one of ["1", "2", "3", "4", "5"]) await stage.ask(a, message({ feed, files: text(one) }));
  await stage.hears(b, 5);
  const userId = await stage.phones.userId("B");
  const contents = async (request: WireTerm): Promise<string> => {
    const [answer = "", ...more] = await stage.ask(b, request);
    expect(more).toEqual([]);
    const [, head, size, entity, data = "", status] =
      /^own \{History,(.*?\}),(-?\d+),(\d+),\[(.*)\],(\w+)\}$/.exec(answer) ?? [];
    expect([head, status]).toEqual([`${userId},{p2p,B,A}`, "get"]);
    return `${size} ${entity} ${[...data.matchAll(/<<text>>,<<(\d)>>/g)].map(([, content]) => content).join("")}`;
  };
  expect(await contents(history(feed, -2, 0))).toBe("2 0 45");
  expect(await contents(history(feed, [], []))).toBe("5 0 12345");
  expect(await contents(history(feed, -2, 4))).toBe("2 4 23");
  expect(await contents(history(feed, 2, 3))).toBe("2 3 45");
  expect(await contents(history(feed, 1000, 0))).toBe("5 0 12345");
  expect(await contents(history(stage.id("A"), 3, 99))).toBe("0 99 ");
  expect(await contents(history(feed, 0, 0))).toBe("0 0 ");
  // A was told of deliveries; of reading it is told the message.
  await a.heard();
  expect(await stage.ask(b, history(feed, 0, 3, "update"))).toEqual([
    `own {History,${userId},{p2p,B,A},0,3,[],update}`,
  ]);
  expect(await stage.hears(a, 1)).toEqual([
    `p2p/A/B@0 {Contact,B,[],[],[],<<user.${userId}>>,[],[],3,0,[],Time,[],[],last_msg}`,
  ]);
  expect(await stage.ask(b, history(feed, 0, 77, "update"))).toEqual(notFound);
  expect(await stage.ask(b, history(feed, 0, 0, "update"))).toEqual(invalid);
  expect(await stage.ask(b, history(binary("nowhere"), -5, 0))).toEqual(notFound);
  for (const bad of [
    history(feed, atom("many"), 0),
    history([], -5, 0),
    history(feed, -5, -1),
    history(feed, 1, 1, "wipe"),
    tuple("History", feed),
  ]) {
    expect(await stage.ask(b, bad)).toEqual(invalid);
  }
  const stranger = await stage.phones.connect("emqttd_X");
  expect(await stage.ask(stranger, history(feed, -5, 0))).toEqual(notAuthorized);
});

test("a filter gets messages of one kind, or texts with a link, in either direction, and says where to ask on", async () => {
  await using all = await pair();
  const { stage, b, feed } = all;
  const from = await stage.phones.userId("A");
  const chat = { id: await stage.phones.userId("B") };
  const say = (content: string | Uint8Array, type = "text") =>
    stage.server.domain.messages.send({ chat, from, content, type });
  await say(Uint8Array.of(1), "image/png");
  await say("see https://example.org/a");
  // More than is looked at in one go.
  for (let count = 0; count < 3; count += 1) {
    const drafts = Array.from({ length: 100 }, () => ({ chat, from, content: "nothing to see: http//", type: "text" }));
    await stage.server.domain.messages.sendAll(drafts);
  }
  const { message: video } = await say(Uint8Array.of(2), "video");
  const { message: gone } = await say(Uint8Array.of(3), "image");
  await stage.server.domain.messages.remove(from, gone.messageId);
  // The messages themselves come whenever they do.
  const own = async (request: WireTerm): Promise<string[]> =>
    (await stage.ask(b, request)).filter((one) => one.startsWith("own"));
  const asked = async (filter: string, size: number, entity: number): Promise<string> => {
    const [answer = ""] = await own(history(feed, size, entity, filter));
    const [, found, reached, data = "", status] =
      /^own \{History,.*?\},(\d+),(\d+),\[(.*)\],(\w+)\}$/.exec(answer) ?? [];
    expect(status).toBe(filter);
    return `${found} [${[...data.matchAll(/\{Message,(\d+)/g)].map(([, id]) => id).join(" ")}] ${reached}`;
  };
  expect(await asked("image", -5, 0)).toBe("1 [1] 1");
  expect(await asked("image", -5, 1)).toBe("0 [] 1");
  expect(await asked("image", 1, 0)).toBe("1 [1] 1");
  expect(await asked("image", 5, 1)).toBe(`0 [] ${gone.messageId}`);
  expect(await asked("image", 5, gone.messageId)).toBe(`0 [] ${gone.messageId}`);
  expect(await asked("link", -1, 0)).toBe("1 [2] 2");
  expect(await asked("video", 1000, 2)).toBe(`1 [${video.messageId}] ${gone.messageId}`);
  expect(await asked("text", 2, 0)).toBe("2 [2 3] 3");
  expect(await asked("text", -2, 4)).toBe("2 [2 3] 2");
  expect(await asked("audio", 0, 4)).toBe("0 [] 4");
  for (const word of ["deleted", "system", "IMAGE", "constructor"]) {
    expect(await own(history(feed, -5, 0, word))).toEqual(invalid);
  }
  expect(await own(history(binary("nowhere"), -5, 0, "image"))).toEqual(notFound);
});

const encodings = [
  {
    encoding: "JSON",
    pack: (term: unknown): Buffer => Buffer.from(JSON.stringify(term)),
    unpack: (bytes: Uint8Array): unknown => JSON.parse(String(Buffer.from(bytes))),
  },
  {
    encoding: "MessagePack",
    pack: (term: unknown): Buffer => Buffer.from(encode(term)),
    unpack: (bytes: Uint8Array): unknown => decode(bytes),
  },
];

test.each(encodings)("a filter gets the same in $encoding", async ({ pack, unpack }) => {
  await using all = await pair();
  const { stage, b } = all;
  const from = await stage.phones.userId("A");
  const bId = await stage.phones.userId("B");
  const say = (content: string | Uint8Array, type = "text") =>
    stage.server.domain.messages.send({ chat: { id: bId }, from, content, type });
  await say("hello");
  await say(Uint8Array.of(0, 255), "image/png");
  await say("see https://example.org/a");
  const [idA, idB] = [String(Buffer.from(stage.id("A"))), String(Buffer.from(stage.id("B")))];
  const ask = async (filter: unknown, size: number, entity: number | string, feed: unknown = ["p2p", idA, idB]) => {
    const answers = await b.ask(pack(["History", "", feed, size, entity, "", filter]));
    const own = answers.filter(({ topic }) => topic.startsWith("actions/"));
    expect(own).toHaveLength(1);
    return unpack(own[0]?.payload ?? Buffer.alloc(0));
  };
  const shown = (answer: unknown) => {
    const [name, roster, feed, size, reached, data, status] = answer as [
      string,
      number,
      unknown,
      number,
      number,
      never,
      string,
    ];
    expect([name, roster, feed]).toEqual(["History", bId, ["p2p", idB, idA]]);
    return { size, reached, ids: (data as unknown[][]).map(([, id]) => id), status };
  };
  const image = await ask("image", -5, "");
  expect(shown(image)).toEqual({ size: 1, reached: 1, ids: [2], status: "image" });
  const within = (value: unknown, ...places: number[]): unknown =>
    places.reduce<unknown>((list, place) => (list as unknown[])[place], value);
  // Bytes are bytes in MessagePack, and base64 in JSON.
  const isPacked = unpack(pack(Uint8Array.of(1))) instanceof Uint8Array;
  const payload = isPacked ? Uint8Array.of(0, 255) : "AP8=";
  expect([2, 3].map((place) => within(image, 5, 0, 10, 0, place))).toEqual(["image/png", payload]);
  expect(shown(await ask("link", 1, 0))).toEqual({ size: 1, reached: 3, ids: [3], status: "link" });
  expect(shown(await ask("text", 5, 1))).toEqual({ size: 1, reached: 3, ids: [3], status: "text" });
  const error = (word: string) => ["io", ["error", word], ""];
  for (const bad of ["pictures", "constructor", 7, ["image"]])
    expect(await ask(bad, -5, 0)).toEqual(error("invalid_data"));
  expect(await ask("image", -5, -1)).toEqual(error("invalid_data"));
  for (const feed of [
    ["muc", "nowhere"],
    ["muc", 99_999],
    ["p2p", idA, "15550009999_99999"],
  ]) {
    expect(await ask("image", -5, 0, feed)).toEqual(error("not_found"));
  }
});

test("who writes is told on the chat's topic, to others alone, and is not answered", async () => {
  await using all = await pair();
  const { stage, a, b, feed } = all;
  await stage.ask(a, message({ feed, files: text("so that there is a chat") }));
  await stage.hears(b, 1);
  expect(await stage.ask(a, tuple("Typing", stage.id("B"), binary("typing")))).toEqual([]);
  expect(await stage.hears(b, 1)).toEqual(["p2p/A/B@0 {Typing,A,<<typing>>}"]);
  expect(await stage.ask(b, tuple("Typing", feed, binary("...")))).toEqual([]);
  expect(await stage.hears(a, 1)).toEqual(["p2p/A/B@0 {Typing,B,<<typing>>}"]);
  expect(await stage.ask(a, tuple("Typing", binary("15550009999_99999"), binary("x")))).toEqual(notFound);
  for (const bad of [tuple("Typing", feed), tuple("Typing", [], []), tuple("Typing", stage.id("B"), [], [])]) {
    expect(await stage.ask(a, bad)).toEqual(invalid);
  }
  const stranger = await stage.phones.connect("emqttd_X");
  expect(await stage.ask(stranger, tuple("Typing", stage.id("B"), []))).toEqual(notAuthorized);
});

test("friends hear on ac/ who comes and who goes", async () => {
  const clock = createManualClock(Date.now());
  await using stage = await Conversation.start({ clock });
  const a = await stage.phone("A");
  const b = await stage.phone("B");
  const [aUser, bUser] = [await stage.phones.userId("A"), await stage.phones.userId("B")];
  await stage.server.domain.contacts.requestFriend(aUser, bUser);
  await stage.server.domain.contacts.confirm(bUser, aUser);
  await stage.ask(a, tuple("Typing", binary("nowhere"), []));
  await a.heard();
  const contact = (presence: string): string =>
    `ac/B@0 {Contact,B,[],[],[],<<user.${bUser}>>,[],[],0,0,[],Time,[],${presence},friend}`;
  await b[Symbol.asyncDispose]();
  const gone = stage.hears(a, 1);
  const stepping = setInterval(() => clock.advance(1000), 20);
  try {
    expect(await gone).toEqual([contact("offline")]);
  } finally {
    clearInterval(stepping);
  }
  await stage.phone("B", "emqttd_B2");
  clock.advance(1000);
  expect(await stage.hears(a, 1)).toEqual([contact("online")]);
});
