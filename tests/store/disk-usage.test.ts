/** What users take of the disk is counted as it comes and goes, and beyond a share the next is refused. */
import type { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import type { NamedChange, Outcome } from "../../src/store/sqlite/engine/committer.ts";
import { migrate, migrations, statementsOf } from "../../src/store/sqlite/engine/migrations.ts";
import { createRandom } from "../support/random.ts";
import { openStage, type Stage, valuesOf } from "./committer-stage.ts";
import { countedAgain, takenOf } from "./disk-recount.ts";

const usage = migrations.find(({ name }) => name.endsWith("_disk_usage"));
if (usage === undefined) throw new Error("there is no such migration");

const takenBy = (db: Database, userId: number): number =>
  Number(db.prepare("SELECT bytes FROM user_disk WHERE user_id = ?").values(userId)[0]?.[0]);

const hash = (letter: string): string => letter.repeat(64);
const fileOf = (letter: string, bytes: number) => ({
  hash: hash(letter),
  bytes,
  form: "bytes" as const,
  mediaType: "image/png",
});

const say = (from: number, chatId: number, content: unknown, more: object = {}): NamedChange => [
  "appendMessage",
  { chat: { id: chatId }, from, type: "text", content, ...more },
];

const upload = (userId: number, n: number, bytes: number): NamedChange => [
  "openUpload",
  { uploadId: uploadId(n), userId, bytes, lifetimeMs: 86_400_000, uploadsMax: 10 },
];
const uploadId = (n: number): string => `up_${String(n).padStart(32, "0")}`;
const finish = (userId: number, n: number, letter: string): NamedChange => [
  "finishUpload",
  { uploadId: uploadId(n), userId, hash: hash(letter), head: "00", isText: false },
];

const row = 200;
/** The outcome of the only change. */
const outcomeOf = (stage: Stage, change: NamedChange) => stage.commit(change).outcomes[0];
const messageIdOf = (stage: Stage, change: NamedChange): number =>
  (valuesOf(stage.commit(change))[0] as [messageId: number])[0];

describe("counting", () => {
  test("a message is what its row and its content take, and gives back its content, then its row", () => {
    using stage = openStage();
    const { chatId, ids } = stage.chatOf("Ann", "Bob");
    const [ann = 0, bob = 0] = ids;
    const messageId = messageIdOf(stage, say(ann, chatId, "grüße", { clientId: "c1", type: "text/plain" }));
    expect([takenBy(stage.db, ann), takenBy(stage.db, bob)]).toEqual([row + 7 + 2 + 10, 0]);
    // A repeat takes nothing.
    messageIdOf(stage, say(ann, chatId, "grüße", { clientId: "c1", type: "text/plain" }));
    expect(takenBy(stage.db, ann)).toBe(row + 19);
    stage.commit(["editMessage", { userId: ann, messageId, content: "hi" }]);
    expect(takenBy(stage.db, ann)).toBe(row + 14);
    stage.commit(["deleteMessage", { userId: ann, messageId }]);
    expect(takenBy(stage.db, ann)).toBe(row + 2);
    stage.commit(say(bob, chatId, "b"), say(bob, chatId, { file: fileOf("a", 5000) }, { type: "image" }));
    expect(takenBy(stage.db, bob)).toBe(2 * row + 1 + 5000);
    stage.commit(["deleteChat", { chatKey: `chat.${chatId}` }]);
    stage.commit(["sweepChat", { chatId, rows: 100 }]);
    expect([takenBy(stage.db, ann), takenBy(stage.db, bob)]).toEqual([0, 0]);
  });

  test("a text for each recipient counts for its sender", () => {
    using stage = openStage();
    const { chatId, ids } = stage.chatOf("Ann", "Bob", "Carl");
    const [ann = 0] = ids;
    const guids = stage.rows("SELECT guid FROM users ORDER BY user_id").flat();
    const texts = guids.slice(1).map((guid) => ({ guid, text: "secret" }));
    stage.commit([
      "exchange",
      {
        userId: ann,
        deviceId: null,
        confirmations: [],
        messages: [{ chatKey: `chat.${chatId}`, clientId: "x", texts }],
      },
    ]);
    expect(takenBy(stage.db, ann)).toBe(row + 1 + 2 * (50 + 6));
    stage.commit(["deleteChat", { chatKey: `chat.${chatId}` }]);
    stage.commit(["sweepChat", { chatId, rows: 100 }]);
    expect(takenBy(stage.db, ann)).toBe(0);
  });

  test("an upload counts from its beginning; its first message takes it over, the next ones count for themselves", () => {
    using stage = openStage();
    const { chatId, ids } = stage.chatOf("Ann", "Bob");
    const [ann = 0, bob = 0] = ids;
    stage.commit(upload(ann, 1, 7000), finish(ann, 1, "a"));
    expect(takenBy(stage.db, ann)).toBe(7000);
    const first = messageIdOf(stage, say(ann, chatId, { named: uploadId(1) }, { type: "image" }));
    expect(takenBy(stage.db, ann)).toBe(row + 7000);
    stage.commit(say(ann, chatId, { named: uploadId(1) }, { type: "image" }));
    expect(takenBy(stage.db, ann)).toBe(2 * (row + 7000));
    stage.commit(say(bob, chatId, { named: hash("a") }, { type: "image" }));
    expect(takenBy(stage.db, bob)).toBe(row + 7000);
    stage.commit(["deleteMessage", { userId: ann, messageId: first }]);
    expect(takenBy(stage.db, ann)).toBe(2 * row + 7000);
    stage.commit(upload(ann, 2, 100), upload(ann, 3, 100));
    stage.commit(["endUpload", { userId: ann, uploadId: uploadId(2) }]);
    expect(takenBy(stage.db, ann)).toBe(2 * row + 7100);
  });

  test("a retained message counts for the user who published it, and for no device", () => {
    using stage = openStage();
    const { ids } = stage.chatOf("Ann", "Bob");
    const [ann = 0, bob = 0] = ids;
    const retain = (owner: string | undefined, bytes: number | undefined): void => {
      const payload = bytes === undefined ? null : 0;
      const blobs = bytes === undefined ? [] : [new Uint8Array(bytes)];
      const topics = [{ topic: "a/b", qos: 0, payload, properties: null, expiresAtMs: null, owner }];
      stage.commit(["retain", { topics }, blobs]);
    };
    const taken = () => [takenBy(stage.db, ann), takenBy(stage.db, bob)];
    retain(`user:${ann}`, 10);
    expect(taken()).toEqual([113, 0]);
    retain(`user:${bob}`, 20);
    expect(taken()).toEqual([0, 123]);
    retain("device:lamp", 20);
    expect(taken()).toEqual([0, 0]);
    retain(`user:${ann}`, 5);
    retain(undefined, undefined);
    expect(taken()).toEqual([0, 0]);
  });

  test("a batch that is undone half-way counts what of it was done", () => {
    using stage = openStage();
    const { chatId, ids } = stage.chatOf("Ann");
    const [ann = 0] = ids;
    // Its session is gone: the foreign key notices after the message was written.
    const fails = say(ann, chatId, "lost", { publish: { sessionId: 99, packetId: 1, dup: false } });
    const { outcomes } = stage.commit(say(ann, chatId, "one"), fails, say(ann, chatId, "two"));
    expect(outcomes.map(([kind]) => kind)).toEqual([0, 2, 0]);
    expect(takenBy(stage.db, ann)).toBe(2 * row + 6);
  });

  test("a database of before is counted at its migration", () => {
    using stage = openStage();
    const { chatId, ids } = stage.chatOf("Ann", "Bob");
    const [ann = 0, bob = 0] = ids;
    const messageId = messageIdOf(stage, say(ann, chatId, "gone"));
    stage.commit(
      say(ann, chatId, "grüße", { clientId: "c" }),
      say(bob, chatId, { blob: 0 }, { type: "image/png" }),
      say(bob, chatId, { file: fileOf("a", 9000) }, { type: "image" }),
      ["deleteMessage", { userId: ann, messageId }],
      upload(ann, 1, 500),
    );
    const guid = stage.rows(`SELECT guid FROM users WHERE user_id = ${bob}`)[0]?.[0];
    const block = { chatKey: `chat.${chatId}`, clientId: "x", texts: [{ guid, text: "secret" }] };
    stage.commit(["exchange", { userId: ann, deviceId: null, confirmations: [], messages: [block] }]);
    const topics = [{ topic: "t", qos: 0, payload: 0, properties: null, expiresAtMs: null, owner: `user:${bob}` }];
    stage.commit(["retain", { topics }, [new Uint8Array(30)]]);
    const before = stage.rows("SELECT user_id, bytes FROM user_disk ORDER BY user_id");
    expect(before.every(([, bytes]) => Number(bytes) > 500)).toBe(true);
    const { db } = stage;
    for (const [name] of stage.rows("SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'disk_%'")) {
      db.run(`DROP TRIGGER ${name}`);
    }
    db.run("DROP TABLE user_disk");
    db.run("DROP TABLE disk_payers");
    db.run("DELETE FROM migrations WHERE name = ?", [usage.name]);
    expect(migrate(db, 1)).toEqual([usage.name]);
    expect(stage.rows("SELECT user_id, bytes FROM user_disk ORDER BY user_id")).toEqual(before);
    expect(statementsOf(usage).length).toBeGreaterThan(20);
  });
});

describe("a share", () => {
  /** Ann registered, Bob is the operator's. */
  function shared(bytes: number) {
    const stage = openStage();
    const { chatId, ids } = stage.chatOf("Ann", "Bob");
    const [ann = 0, bob = 0] = ids;
    stage.commit(["trustUser", { userId: bob }], ["setDiskShare", { bytes }]);
    return { stage, chatId, ann, bob, [Symbol.dispose]: () => stage[Symbol.dispose]() };
  }
  const full = (outcome: Outcome | undefined) => expect(outcome?.slice(0, 2)).toEqual([1, "share_full"]);
  const done = (outcome: Outcome | undefined) => expect(outcome?.[0]).toBe(0);

  test("holds to the byte, for messages of those who registered alone, and is given back", () => {
    using all = shared(1000);
    const { stage, chatId, ann, bob } = all;
    const messageId = messageIdOf(stage, say(ann, chatId, "x".repeat(300), { clientId: "1" }));
    full(outcomeOf(stage, say(ann, chatId, "x".repeat(300))));
    done(outcomeOf(stage, say(ann, chatId, "x".repeat(299))));
    full(outcomeOf(stage, say(ann, chatId, "")));
    expect(outcomeOf(stage, say(ann, chatId, ""))?.[2]).toContain("1000 of 1000 bytes are taken");
    // What was said before is answered again; the text may become shorter, and no longer.
    done(outcomeOf(stage, say(ann, chatId, "x", { clientId: "1" })));
    full(outcomeOf(stage, ["editMessage", { userId: ann, messageId, content: "x".repeat(301) }]));
    done(outcomeOf(stage, ["editMessage", { userId: ann, messageId, content: "x".repeat(50) }]));
    done(outcomeOf(stage, say(ann, chatId, "x".repeat(49))));
    done(outcomeOf(stage, say(bob, chatId, "x".repeat(9000))));
    stage.commit(["trustUser", { userId: ann }]);
    done(outcomeOf(stage, say(ann, chatId, "x".repeat(9000))));
  });

  test("refuses a batch as a whole, before anything of it is written", () => {
    using all = shared(1000);
    const { stage, chatId, ann } = all;
    const draft = (content: unknown, more: object = {}) => ({
      chat: { id: chatId },
      from: ann,
      type: "text",
      content,
      ...more,
    });
    const before = stage.commit().generation;
    full(outcomeOf(stage, ["appendMessages", { drafts: [draft("a"), draft("x".repeat(700))] }]));
    full(outcomeOf(stage, ["appendMessages", { drafts: [1, 2, 3, 4, 5, 6].map(() => draft("")) }]));
    stage.commit(upload(ann, 1, 300), finish(ann, 1, "a"));
    // The first message takes the upload over, the second one does not.
    const named = draft({ named: uploadId(1) }, { type: "image" });
    full(outcomeOf(stage, ["appendMessages", { drafts: [named, named, named] }]));
    done(outcomeOf(stage, ["appendMessages", { drafts: [named, draft("x".repeat(100))] }]));
    const guid = stage.rows("SELECT guid FROM users WHERE user_id <> (SELECT min(user_id) FROM users)")[0]?.[0];
    const block = (clientId: string, text: string) => ({
      chatKey: `chat.${chatId}`,
      clientId,
      texts: [{ guid, text }],
    });
    const exchange = (...messages: object[]): NamedChange => [
      "exchange",
      { userId: ann, deviceId: null, confirmations: [], messages },
    ];
    full(outcomeOf(stage, exchange(block("1", "y"), block("2", "y"))));
    stage.commit(["setDiskShare", { bytes: 1200 }]);
    done(outcomeOf(stage, exchange(block("1", "y"))));
    // Only the second one is new.
    full(outcomeOf(stage, exchange(block("1", "y"), block("2", "y"))));
    done(outcomeOf(stage, exchange(block("1", "y"))));
    // Nothing was undone: every refusal came before the first write.
    expect(stage.commit().generation).toBe(before);
  });

  test("a hook takes of the share of the owner who made it, also once it is gone", () => {
    using all = shared(1000);
    const { stage, chatId, ann } = all;
    const addHook: NamedChange = [
      "addHook",
      { chat: { id: chatId }, by: ann, name: "build", hash: hash("a"), hooksMax: 5, membersMax: 50 },
    ];
    const [made] = valuesOf(stage.commit(addHook)) as { hook: { userId: number } }[];
    const hook = made?.hook.userId ?? 0;
    const first = messageIdOf(stage, say(hook, chatId, "x".repeat(300)));
    expect([takenBy(stage.db, ann), takenBy(stage.db, hook)]).toEqual([row + 300, 0]);
    full(outcomeOf(stage, say(ann, chatId, "x".repeat(301))));
    full(outcomeOf(stage, say(hook, chatId, "x".repeat(301))));
    done(outcomeOf(stage, ["removeHook", { userId: hook, by: ann }]));
    expect(takenBy(stage.db, ann)).toBe(row + 300);
    done(outcomeOf(stage, ["deleteMessage", { userId: ann, messageId: first }]));
    expect(takenBy(stage.db, ann)).toBe(row);
    const byOperator: NamedChange = [
      "addHook",
      { chat: { id: chatId }, name: "ops", hash: hash("b"), hooksMax: 5, membersMax: 50 },
    ];
    const [other] = valuesOf(stage.commit(byOperator)) as { hook: { userId: number } }[];
    done(outcomeOf(stage, say(other?.hook.userId ?? 0, chatId, "x".repeat(9000))));
    expect(takenBy(stage.db, ann)).toBe(row);
  });

  test("bounds uploads as they begin, and files that are sent on", () => {
    using all = shared(10_000);
    const { stage, chatId, ann, bob } = all;
    full(outcomeOf(stage, upload(ann, 1, 10_001)));
    done(outcomeOf(stage, upload(ann, 1, 9000)));
    full(outcomeOf(stage, upload(ann, 2, 1001)));
    done(outcomeOf(stage, finish(ann, 1, "a")));
    done(outcomeOf(stage, say(ann, chatId, { named: uploadId(1) }, { type: "image" })));
    full(outcomeOf(stage, say(ann, chatId, { named: uploadId(1) }, { type: "image" })));
    full(outcomeOf(stage, say(ann, chatId, { named: hash("a") }, { type: "image" })));
    full(outcomeOf(stage, say(ann, chatId, { file: fileOf("b", 900) }, { type: "image" })));
    done(outcomeOf(stage, say(bob, chatId, { named: hash("a") }, { type: "image" })));
    stage.commit(["setDiskShare", { bytes: 0 }]);
    done(outcomeOf(stage, say(ann, chatId, { file: fileOf("b", 90_000) }, { type: "image" })));
  });
});

test("random histories are counted right, and take no more than a share", () => {
  const seed = Number(process.env["ROOST_MODEL_SEED"] ?? 7);
  const random = createRandom(seed);
  using stage = openStage();
  const share = 30_000;
  const opened = stage.chatOf("Ann", "Bob", "Carl");
  const { ids } = opened;
  const [ann = 0, bob = 0, carl = 0] = ids;
  stage.commit(["setDiskShare", { bytes: share }], ["trustUser", { userId: carl }]);
  const guids = stage.rows("SELECT guid FROM users ORDER BY user_id").flat();
  let { chatId } = opened;
  let senders = ids;
  const addHook = (): void => {
    const hook = { name: "build", hash: hash("a"), hooksMax: 5, membersMax: 9 };
    const [made] = valuesOf(stage.commit(["addHook", { ...hook, chat: { id: chatId }, by: ann }]));
    senders = [...ids, (made as { hook: { userId: number } }).hook.userId];
  };
  const messageOf = (): [messageId: number, senderId: number] => {
    const rows = stage.rows("SELECT message_id, sender_id FROM messages") as [number, number][];
    return rows.length === 0 ? [0, 0] : random.pick(rows);
  };
  let uploads = 0;
  const words = () => (random.chance(0.3) ? "grüße " : "hello ").repeat(random.int(300));
  const clientId = () => (random.chance(0.5) ? { clientId: `c${random.int(40)}` } : {});
  const any: (() => NamedChange)[] = [
    () => say(random.pick(senders), chatId, words(), clientId()),
    () => say(random.pick(senders), chatId, words(), { type: "text/x", ...clientId() }),
    () =>
      say(random.pick(senders), chatId, { file: fileOf(random.pick(["b", "c"]), random.int(5000)) }, { type: "image" }),
    () => say(random.pick(senders), chatId, { named: uploadId(random.int(uploads + 1)) }, { type: "image" }),
    () => say(random.pick(senders), chatId, "lost", { publish: { sessionId: 99, packetId: 1, dup: false } }),
    () => {
      uploads += 1;
      return upload(random.pick(ids), uploads, 1 + random.int(6000));
    },
    () => finish(random.pick(ids), random.int(uploads + 1), random.pick(["d", "e"])),
    () => ["endUpload", { userId: random.pick(ids), uploadId: uploadId(random.int(uploads + 1)) }],
    () => {
      const drafts = Array.from({ length: 1 + random.int(4) }, () => {
        const [, args] = say(random.pick(ids), chatId, random.chance(0.3) ? { named: uploadId(uploads) } : words());
        return args;
      });
      return ["appendMessages", { drafts }];
    },
    () => {
      const texts = guids.slice(random.int(2)).map((guid) => ({ guid, text: words() }));
      const block = { chatKey: `chat.${chatId}`, clientId: `x${random.int(60)}`, texts };
      return ["exchange", { userId: random.pick(ids), deviceId: null, confirmations: [], messages: [block] }];
    },
    () => {
      const [messageId, userId] = messageOf();
      return ["editMessage", { userId, messageId, content: words() }];
    },
    () => {
      const [messageId, userId] = messageOf();
      return ["deleteMessage", { userId, messageId }];
    },
  ];
  addHook();
  const seen: number[] = [];
  const codes = new Map<string, number>();
  for (let round = 0; round < 600; round += 1) {
    const { outcomes } = stage.commit(...Array.from({ length: 1 + random.int(5) }, () => random.pick(any)()));
    for (const [kind, code] of outcomes) if (kind === 1) codes.set(code, (codes.get(code) ?? 0) + 1);
    if (round % 100 === 99) {
      const gone = chatId;
      const members = { ownerId: ann, members: ids, name: "next" };
      const [next] = valuesOf(stage.commit(["createChat", members], ["deleteChat", { chatKey: `chat.${gone}` }]));
      chatId = (next as { chat: { chatId: number } }).chat.chatId;
      addHook();
      // The rest of it goes with the next chats.
      stage.commit(["sweepChat", { chatId: gone, rows: 20 }]);
    }
    expect([seed, round, takenOf(stage.db)]).toEqual([seed, round, countedAgain(stage.db, seen)]);
    expect([seed, round, takenBy(stage.db, ann) <= share, takenBy(stage.db, bob) <= share]).toEqual([
      seed,
      round,
      true,
      true,
    ]);
  }
  expect(seen.slice(0, 4).every((users) => users > 0)).toBe(true);
  expect(codes.get("share_full")).toBeGreaterThan(20);
});
