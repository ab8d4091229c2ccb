/**
 * kill -9, again and again, on one data folder: whatever was acknowledged is there once, in order, with the ids that
 * were told, and receivers miss nothing (docs/operations.md § Signals). The moments are random; a run is repeated with
 * `ROOST_KILL_SEED=<seed>`, and made longer with `ROOST_KILL_ROUNDS=<rounds>`.
 */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { call, enroll, room } from "../rest/client.ts";
import { until, withDeadline } from "../support/deadline.ts";
import { createRandom, type Random } from "../support/random.ts";
import { type BinaryServer, startBinary } from "./binary-server.ts";
import { Ledger, type Stored } from "./ledger.ts";
import { MiniOicqReceiver, MqttReceiver, type Receiver } from "./receivers.ts";
import { MiniOicqSender, MqttSender, RestSender, type Sender } from "./senders.ts";

const rounds = Number(process.env["ROOST_KILL_ROUNDS"] ?? (process.env["CI"] ? 10 : 3));
const firstSeed = Number(process.env["ROOST_KILL_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const chatIDs = ["kill.a", "kill.b", "kill.c"];
/** A kill comes this long after the senders began to connect. */
const killAfterMs = { min: 50, max: 700 };
const killAgainAfterMsMax = 100;

test(
  `nothing acknowledged is lost or doubled by kill -9, ${rounds} times`,
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "roost-kill-"));
    try {
      await killAgainAndAgain(join(folder, "data"), createRandom(firstSeed));
    } catch (error) {
      throw new Error(`failed; run it again with ROOST_KILL_SEED=${firstSeed} ROOST_KILL_ROUNDS=${rounds}`, {
        cause: error,
      });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
  20_000 + rounds * 10_000,
);

async function killAgainAndAgain(data: string, random: Random): Promise<void> {
  console.log(`kill -9: seed ${firstSeed}, ${rounds} rounds`);
  const problems: string[] = [];
  // A source of its own: how much is said depends on the machine, when it is killed must not.
  const talk = createRandom(firstSeed + 1);
  const ledger = new Ledger(talk);
  let server = await startBinary(data);
  try {
    const cast = await assemble(server, { ledger, random: talk, problems });
    for (let round = 1; round <= rounds; round += 1) {
      const startedMs = performance.now();
      const loadMs = killAfterMs.min + random.int(killAfterMs.max - killAfterMs.min);
      await runAndKill(server, cast, loadMs);
      const inDoubt = cast.senders.reduce((sum, { pending }) => sum + pending.length, 0);
      // Now and then the next one dies too, while everybody returns and repeats.
      if (random.chance(0.34)) {
        server = await startBinary(data);
        await runAndKill(server, cast, random.int(killAgainAfterMsMax));
      }
      server = await startBinary(data);
      await settle(server, cast);
      const stored = await verify(server, cast, { ledger, problems });
      await disconnectAll(cast);
      const repeats = cast.receivers.map(({ name, repeats }) => `${name} ${repeats}`).join(", ");
      const tookMs = Math.round(performance.now() - startedMs);
      console.log(
        `  round ${round}: killed after ${loadMs} ms with ${inDoubt} in doubt; ${stored} stored; repeated so far: ${repeats}; ${tookMs} ms`,
      );
      expect(problems).toEqual([]);
    }
    process.kill(server.pid, "SIGTERM");
    expect(await withDeadline("the server to end", server.exited, 10_000)).toBe(0);
  } finally {
    await server[Symbol.asyncDispose]();
  }
  checkFile(join(data, "roost.db"));
}

interface Cast {
  readonly senders: readonly Sender[];
  readonly receivers: readonly Receiver[];
  /** Reads the history. */
  readonly readerToken: string;
  /** By `chatID` the number MiniOICQ knows the chat by. */
  readonly chatIds: ReadonlyMap<string, string>;
}

async function assemble(
  server: BinaryServer,
  { ledger, random, problems }: { ledger: Ledger; random: Random; problems: string[] },
): Promise<Cast> {
  const names = [
    "ws.1",
    "ws.2",
    "mqtt.clean",
    "mqtt.kept",
    "mqtt.plain",
    "mqtt.exact",
    "rest",
    "hears.mqtt",
    "hears.ws",
  ] as const;
  const tokens = await enroll(server, ...names);
  const tokenOf = (name: (typeof names)[number]): string => tokens[names.indexOf(name)] ?? "";
  for (const chatID of chatIDs) await room(server, chatID, ...names);

  const receivers = [
    new MqttReceiver({ name: "hears.mqtt", token: tokenOf("hears.mqtt"), problems }),
    new MiniOicqReceiver({ name: "hears.ws", token: tokenOf("hears.ws"), problems }),
  ];
  // Before the first message: a session hears what was sent since it subscribed.
  for (const receiver of receivers) await receiver.connect(server);

  const readerToken = tokenOf("rest");
  const chats: { chatID: string; chatId: string }[] = [];
  for (const chatID of chatIDs) {
    const said = ledger.say("rest", chatID, true);
    const body = { chatID, content: said.content, clientID: said.clientId };
    const answer = await call(server, "POST /messages", { as: readerToken, body });
    expect(answer.status).toBe(200);
    const told = JSON.parse(answer.text) as { message_id: string; seq: number; chat_id: string };
    Object.assign(said, { acknowledged: true, messageId: told.message_id, seq: told.seq });
    chats.push({ chatID, chatId: told.chat_id });
  }

  const parts = (name: (typeof names)[number]) => ({ name, token: tokenOf(name), ledger, random, chats, problems });
  const senders = [
    new MiniOicqSender(parts("ws.1")),
    new MiniOicqSender(parts("ws.2")),
    new MqttSender(parts("mqtt.clean"), "clean"),
    new MqttSender(parts("mqtt.kept"), "kept"),
    new MqttSender(parts("mqtt.plain"), "plain"),
    new MqttSender(parts("mqtt.exact"), "exact"),
    new RestSender(parts("rest")),
  ];
  const chatIds = new Map(chats.map(({ chatID, chatId }) => [chatID, chatId]));
  const cast = { senders, receivers, readerToken, chatIds };
  for (const receiver of receivers) {
    for (const chatID of chatIDs) {
      await until("the first messages", () => receiver.lastSeq(nameFor(receiver, chatID, cast)) === 1);
    }
    await receiver.disconnect();
  }
  return cast;
}

/** Everybody connects and talks until the process is killed. Who was still connecting then, failed to. */
async function runAndKill(server: BinaryServer, cast: Cast, loadMs: number): Promise<void> {
  const everybody = Promise.allSettled([
    ...cast.receivers.map((receiver) => receiver.connect(server)),
    ...cast.senders.map((sender) => sender.start(server, true)),
  ]);
  await Bun.sleep(loadMs); // the random moment itself, not a wait for something
  process.kill(server.pid, "SIGKILL");
  for (const receiver of cast.receivers) receiver.killed();
  for (const sender of cast.senders) sender.stop();
  await withDeadline("the killed server to end", server.exited);
  await withDeadline("everybody to notice", everybody, 10_000);
  await Promise.all([...cast.senders, ...cast.receivers].map((client) => client.lost()));
  await server[Symbol.asyncDispose]();
}

/** Everybody returns, and what is in doubt is repeated until it is acknowledged. */
async function settle(server: BinaryServer, cast: Cast): Promise<void> {
  await Promise.all([
    ...cast.receivers.map((receiver) => receiver.connect(server)),
    ...cast.senders.map((sender) => sender.start(server, false)),
  ]);
  for (const sender of cast.senders) {
    await until("repeated messages to be acknowledged", () => sender.pending.length === 0);
  }
}

async function disconnectAll({ senders, receivers }: Cast): Promise<void> {
  await Promise.all([...senders, ...receivers].map((client) => client.disconnect()));
}

/** Gives how many messages the chats hold. */
async function verify(
  server: BinaryServer,
  cast: Cast,
  { ledger, problems }: { ledger: Ledger; problems: string[] },
): Promise<number> {
  let stored = 0;
  for (const chatID of chatIDs) {
    const history = await readHistory(server, chatID, cast.readerToken);
    stored += history.length;
    problems.push(...ledger.check(chatID, history));
    const contents = history.map(({ content }) => content);
    for (const receiver of cast.receivers) {
      const name = nameFor(receiver, chatID, cast);
      await until(`${receiver.name} to hear all of ${chatID}`, () => receiver.lastSeq(name) >= history.length).catch(
        (error: unknown) => problems.push(`${error} (${receiver.lastSeq(name)} of ${history.length})`),
      );
      const same = Bun.deepEquals(receiver.contents(name), contents);
      if (!same) problems.push(`${receiver.name}: what it heard in ${chatID} is not what is stored`);
    }
  }
  if (stored !== ledger.count) problems.push(`${ledger.count} messages were said and ${stored} are stored`);
  return stored;
}

/** What a receiver calls a chat. */
function nameFor(receiver: Receiver, chatID: string, { chatIds }: Cast): string {
  return receiver instanceof MqttReceiver ? `chat/${chatID}/messages` : (chatIds.get(chatID) ?? "");
}

async function readHistory(server: BinaryServer, chatID: string, token: string): Promise<Stored[]> {
  const history: Stored[] = [];
  for (let after: number | null = 0; after !== null; ) {
    const path = `/chats/${chatID}/messages?after_seq=${after}&limit=100`;
    const answer = await call(server, `GET ${path}`, { as: token });
    expect(answer.status).toBe(200);
    const page = JSON.parse(answer.text) as { messages: Stored[]; next: number | null };
    history.push(...page.messages);
    after = page.next;
  }
  return history;
}

function checkFile(path: string): void {
  const db = new Database(path, { readonly: true });
  try {
    expect(db.query("PRAGMA integrity_check").all()).toEqual([{ integrity_check: "ok" }]);
    expect(db.query("PRAGMA foreign_key_check").all()).toEqual([]);
  } finally {
    db.close();
  }
}
