/** A conversation in terms: `Message` sent in direct chats and rooms, answered by `Ack`, heard on `p2p/` and `room/`. */
import { expect, test } from "bun:test";
import {
  atom,
  binary,
  Conversation,
  message,
  muc,
  p2p,
  phoneNumbers,
  text,
  text2017,
  tuple,
} from "./conversation-stage.ts";

const desc = (content: string): string => `[{Desc,[],<<text>>,<<${content}>>,[],[]}]`;
const sent = (id: number, feed: string, msgId: string, content: string): string => {
  const [, from, to] = /^\{p2p,(\w+),(\w+)\}$/.exec(feed) ?? [];
  return `{Message,${id},chain,${feed},[],[],${msgId},${from},${to},Time,${desc(content)},[],[],[],[],[],[]}`;
};

test("what one says the other hears, and the sender too, who is answered Ack; those of the documents alone hear nothing", async () => {
  await using stage = await Conversation.start();
  const a = await stage.phone("A");
  const a2 = await stage.phone("A", "emqttd_A2");
  const b = await stage.phone("B");
  // B asks for what no document has, and hears from then on; what it asked names no chat of B's.
  expect(await stage.ask(b, message({ feed: muc(binary("nowhere")), files: text("?") }))).toEqual([
    "own {io,{error,not_found},<<>>}",
  ]);
  const hello = message({ feed: p2p(stage.id("A"), stage.id("B")), msgId: binary("m1"), files: text("hello") });
  expect((await stage.ask(a, hello)).toSorted()).toEqual([
    "own {Ack,Message,<<m1>>}",
    `p2p/A/B@1 ${sent(1, "{p2p,A,B}", "<<m1>>", "hello")}`,
  ]);
  expect(await stage.hears(b, 1)).toEqual([`p2p/A/B@1 ${sent(1, "{p2p,A,B}", "<<m1>>", "hello")}`]);
  // Again is not twice.
  expect(await stage.ask(a, hello)).toEqual(["own {Ack,Message,<<m1>>}"]);
  // The topic is the same in the other direction; `to` alone says whom, too.
  expect((await stage.ask(b, message({ to: stage.id("A"), msgId: 7, files: text("hi") }))).toSorted()).toEqual([
    "own {Ack,Message,<<7>>}",
    `p2p/A/B@1 ${sent(2, "{p2p,B,A}", "<<7>>", "hi")}`,
  ]);
  expect(await stage.hears(a, 1)).toEqual([`p2p/A/B@1 ${sent(2, "{p2p,B,A}", "<<7>>", "hi")}`]);
  // This device speaks only of friends and profiles.
  expect(stage.show(await a2.heard())).toEqual([]);
});

test("a room's messages come on its topic, and from the other doors like from this one", async () => {
  await using stage = await Conversation.start();
  const a = await stage.phone("A");
  const b = await stage.phone("B");
  const [owner, other] = [await stage.phones.userId("A"), await stage.phones.userId("B")];
  const { chat } = await stage.server.domain.chats.create(owner, { members: [other], name: "team" });
  stage.name(String(chat.chatId), "Room");
  expect(await b.subscribe("room/#", 2)).toBe(1);
  const said = await stage.ask(
    a,
    message({ feed: muc(binary(String(chat.chatId))), msgId: binary("r1"), files: text("all") }),
  );
  const heard = `room/Room@1 {Message,1,chain,{muc,Room},[],[],<<r1>>,A,Room,Time,${desc("all")},[],[],[],[],[],[]}`;
  expect(said.toSorted()).toEqual(["own {Ack,Message,<<r1>>}", heard]);
  expect(await stage.hears(b, 1)).toEqual([heard]);
  await stage.server.domain.messages.send({
    chat: { id: chat.chatId },
    from: other,
    type: "image/png",
    content: new Uint8Array([1, 2, 3]),
    mentions: [owner],
  });
  expect(await stage.hears(a, 1)).toEqual([
    `room/Room@1 {Message,2,chain,{muc,Room},[],[],[],B,Room,Time,[{Desc,[],<<image/png>>,<<\u0001\u0002\u0003>>,[],[]}],[],[],[],[],[${owner}],[]}`,
  ]);
  // By number as an integer, and by the string id.
  for (const room of [chat.chatId, binary(chat.chatKey)]) {
    const [first] = await stage.ask(a, message({ feed: muc(room), files: text("x") }));
    expect(first).toMatch(/^own \{Ack,Message,\d+\}$|^room/);
  }
});

test("each layout is answered by its own, in each encoding", async () => {
  await using stage = await Conversation.start();
  const a = await stage.phone("A");
  const feed = p2p(stage.id("A"), stage.id("A"));
  const old = message({ layout: 13, feed, msgId: binary("o"), files: text2017("old") });
  expect((await stage.ask(a, old)).toSorted()).toEqual([
    "own {Ack,Message,<<o>>}",
    "p2p/A/A@1 {Message,1,chain,{p2p,A,A},[],[],<<o>>,A,A,Time,[{Desc,<<text>>,<<old>>,3,[],[]}],text,[],[]}",
  ]);
  const id = Buffer.from(stage.id("A")).toString();
  const json = ["Message", "", "", ["p2p", id, id], "", "", "j", "", "", "", [["Desc", "", "text", "json", "", ""]]];
  const asked = [...json, "", "", "", "", "", ""];
  const heard = await a.ask(Buffer.from(JSON.stringify(asked)));
  expect(heard.map(({ payload }) => JSON.parse(String(payload))).toSorted()).toEqual([
    ["Ack", "Message", "j"],
    [
      "Message",
      2,
      "chain",
      ["p2p", id, id],
      [],
      [],
      "j",
      id,
      id,
      expect.any(Number),
      [["Desc", [], "text", "json", [], []]],
      [],
      [],
      [],
      [],
      [],
      [],
    ],
  ]);
  const { encode, decode } = await import("@msgpack/msgpack");
  const packed = await a.ask(Buffer.from(encode(asked.map((item) => (item === "j" ? "p" : item)))));
  expect(packed.map(({ payload }) => (decode(payload) as unknown[])[0]).toSorted()).toEqual(["Ack", "Message"]);
});

test("what cannot be read, or is for others, is said in this door's words", async () => {
  await using stage = await Conversation.start();
  const a = await stage.phone("A");
  await stage.phone("B");
  await stage.phone("C");
  const feed = p2p(stage.id("A"), stage.id("B"));
  const invalid = ["own {io,{error,invalid_data},<<>>}"];
  for (const bad of [
    tuple("Message", feed),
    tuple("Message", ...Array.from({ length: 14 }, () => [])),
    message({ files: text("to no one") }),
    message({ feed }),
    message({ feed, files: [...(text("one") as []), ...(text("two") as [])] }),
    message({ feed, files: text("x"), status: atom("burn") }),
    message({ feed: tuple("p2p", stage.id("A")), files: text("x") }),
    message({ feed, files: text("x"), msgId: binary("m".repeat(300)) }),
    message({ feed, files: [tuple("Desc", binary("text"), binary("x"))] }),
  ]) {
    expect(await stage.ask(a, bad)).toEqual(invalid);
  }
  const notFound = ["own {io,{error,not_found},<<>>}"];
  expect(await stage.ask(a, message({ feed: p2p(stage.id("B"), stage.id("C")), files: text("x") }))).toEqual(notFound);
  expect(await stage.ask(a, message({ to: binary("15550009999_99999"), files: text("x") }))).toEqual(notFound);
  expect(await stage.ask(a, message({ feed: muc(99999), files: text("x") }))).toEqual(notFound);
  expect(await stage.ask(a, message({ feed, from: stage.id("B"), files: text("x") }))).toEqual([
    "own {io,{error,permission_denied},<<>>}",
  ]);
  const stranger = await stage.phones.connect("emqttd_X");
  expect(await stage.ask(stranger, message({ to: binary(phoneNumbers.A), files: text("x") }))).toEqual([
    "own {io,{error,not_authorized},<<>>}",
  ]);
});

test("a log-in remembers that it hears of chats, and its session what it has not confirmed", async () => {
  await using stage = await Conversation.start();
  const a = await stage.phone("A");
  const { client: first, token } = await stage.phones.device("B", "emqttd_B", { clean: false });
  await stage.phone("B", "emqttd_B2");
  expect(await stage.ask(first, message({ files: text("?") }))).toEqual(["own {io,{error,invalid_data},<<>>}"]);
  await first[Symbol.asyncDispose]();
  const say = (content: string) => stage.ask(a, message({ to: stage.id("B"), files: text(content) }));
  await say("away");
  const again = await stage.phones.connect("emqttd_B", { clean: false, password: Buffer.from(token) });
  const [missed] = await stage.hears(again, 1);
  expect(missed).toContain("<<away>>");
  await again[Symbol.asyncDispose]();
  // A session of its own connection hears what is said while it is there.
  const clean = await stage.phones.connect("emqttd_clean", { clean: true, password: Buffer.from(token) });
  await clean.heard();
  await say("there");
  const [live] = await stage.hears(clean, 1);
  expect(live).toContain("<<there>>");
  await clean.unsubscribe("p2p/#");
  await say("not wanted");
  expect(stage.show(await clean.heard())).toEqual([]);
});

test("an account hears what it subscribes to, and no one what is not theirs", async () => {
  await using stage = await Conversation.start();
  const a = await stage.phone("A");
  await stage.phone("B");
  const user = await stage.server.domain.accounts.register({
    nick: "Carl",
    password: "a password",
    address: "127.0.0.1",
  });
  const carl = await stage.phones.connect("carl", {
    username: String(user.userId),
    password: Buffer.from("a password"),
  });
  stage.name(`_${user.userId}`, "Carl");
  for (const filter of ["p2p/+/+", "ac/+", "room/+", `p2p/${Buffer.from(stage.id("A"))}/_${user.userId}`]) {
    expect(await carl.subscribe(filter, 1)).toBe(1);
  }
  for (const filter of ["p2p/+", "p2p/A/B/C", "room/x/y", "ac/a b/#", "p2p/x/y"]) {
    expect(await carl.subscribe(filter, 1)).toBe(0x80);
  }
  await stage.ask(a, message({ to: stage.id("B"), files: text("for B") }));
  await stage.ask(a, message({ to: binary(`_${user.userId}`), msgId: binary("c"), files: text("for Carl") }));
  const [heard, ...more] = await stage.hears(carl, 1);
  expect([heard, more]).toEqual([expect.stringContaining("<<for Carl>>"), []]);
  expect(await carl.subscribe("actions/api/carl", 1)).toBe(1);
  const back = await stage.ask(carl, message({ to: stage.id("A"), msgId: binary("d"), files: text("me too") }));
  expect(back.toSorted()).toEqual([
    "own {Ack,Message,<<d>>}",
    `p2p/A/Carl@1 ${sent(3, "{p2p,Carl,A}", "<<d>>", "me too")}`,
  ]);
});
