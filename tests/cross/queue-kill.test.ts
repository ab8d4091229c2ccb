/**
 * kill -9, again and again, under QoS 1 and QoS 2 traffic between persistent sessions on ordinary topics: what was
 * acknowledged reaches every subscriber, at QoS 2 once, in order, whether it was there all the time, came and went, or was
 * away for several rounds. A run is repeated with `ROOST_KILL_SEED=<seed>` and made longer with `ROOST_KILL_ROUNDS=<rounds>`.
 */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { enroll } from "../rest/client.ts";
import { until, withDeadline } from "../support/deadline.ts";
import { createRandom, type Random } from "../support/random.ts";
import { type BinaryServer, startBinary } from "./binary-server.ts";
import { QueuePublisher, QueueSubscriber, Said } from "./queue-clients.ts";

const rounds = Number(process.env["ROOST_KILL_ROUNDS"] ?? (process.env["CI"] ? 10 : 3));
const firstSeed = Number(process.env["ROOST_KILL_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const topics = ["queue/a", "queue/b", "queue/c/d"];
/** A kill comes this long after the clients began to connect. */
const killAfterMs = { min: 30, max: 500 };
const killAgainAfterMsMax = 100;
/** More than a publisher manages until the kill, or a bit less. */
const messagesPerRoundMax = 1500;
const settleMs = 20_000;
const env = { ROOST_LIMITS_MQTT_QUEUED_MESSAGES: "1000000", ROOST_LIMITS_MQTT_QUEUED_BYTES: "1 GiB" };

interface Listener {
  readonly subscriber: QueueSubscriber;
  /** How likely it is there when the server is killed. */
  readonly presence: number;
  /** It comes to hear everything after every so many rounds. */
  readonly everyRounds: number;
}

interface Cast {
  readonly publishers: readonly QueuePublisher[];
  readonly listeners: readonly Listener[];
  readonly said: Said;
}

test(
  `what waits for persistent sessions is not lost, doubled or disordered by kill -9, ${rounds} times`,
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "roost-queue-kill-"));
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
  60_000 + rounds * 10_000,
);

async function killAgainAndAgain(data: string, random: Random): Promise<void> {
  console.log(`kill -9 with queues: seed ${firstSeed}, ${rounds} rounds`);
  const problems: string[] = [];
  // A source of its own: how much is said depends on the machine, when it is killed must not.
  const talk = createRandom(firstSeed + 1);
  let server = await startBinary(data, { env });
  try {
    const cast = await assemble(server, { random: talk, problems });
    for (let round = 1; round <= rounds; round += 1) {
      const startedMs = performance.now();
      const loadMs = killAfterMs.min + random.int(killAfterMs.max - killAfterMs.min);
      await runAndKill(server, cast, { loadMs, random });
      const inDoubt = cast.publishers.reduce((sum, { pending }) => sum + pending, 0);
      // Now and then the next one dies too, while everybody returns and repeats.
      if (random.chance(0.34)) {
        server = await startBinary(data, { env });
        await runAndKill(server, cast, { loadMs: random.int(killAgainAfterMsMax), random });
      }
      server = await startBinary(data, { env });
      const due = cast.listeners.filter(({ everyRounds }) => round === rounds || round % everyRounds === 0);
      await settle(server, cast, due, problems);
      const repeats = cast.listeners.map(({ subscriber: { name, repeats } }) => `${name} ${repeats}`).join(", ");
      const tookMs = Math.round(performance.now() - startedMs);
      console.log(
        `  round ${round}: killed after ${loadMs} ms with ${inDoubt} in doubt; ${cast.said.count} said; repeated so far: ${repeats}; ${tookMs} ms`,
      );
      expect(problems.slice(0, 20)).toEqual([]);
    }
    process.kill(server.pid, "SIGTERM");
    expect(await withDeadline("the server to end", server.exited, 10_000)).toBe(0);
  } finally {
    await server[Symbol.asyncDispose]();
  }
  expectNothingLeft(join(data, "roost.db"));
}

async function assemble(server: BinaryServer, parts: { random: Random; problems: string[] }): Promise<Cast> {
  const said = new Said();
  const publisherNames = ["says.1", "says.2", "says.3", "says.4"];
  const kinds = [
    { kind: "steady", presence: 1, everyRounds: 1 },
    { kind: "comes", presence: 0.5, everyRounds: 2 },
    { kind: "seldom", presence: 0.1, everyRounds: 5 },
  ];
  const listenerNames = kinds.flatMap(({ kind }) => [`${kind}.4`, `${kind}.5`, `${kind}.once`]);
  const tokens = await enroll(server, ...publisherNames, ...listenerNames);
  const publishers = publisherNames.map((name, at) => {
    return new QueuePublisher({ ...parts, name, token: tokens[at] ?? "", version: at % 2 === 0 ? 4 : 5, said, topics });
  });
  const listeners = listenerNames.map((name, at): Listener => {
    const [kind, suffix] = name.split(".");
    const { presence = 1, everyRounds = 1 } = kinds.find((one) => one.kind === kind) ?? {};
    const subscriber = new QueueSubscriber({
      ...parts,
      name,
      token: tokens[publisherNames.length + at] ?? "",
      version: suffix === "5" ? 5 : 4,
      said,
      filters: suffix === "5" ? topics : ["queue/#"],
      qos: suffix === "once" ? 1 : 2,
    });
    return { subscriber, presence, everyRounds };
  });
  // Before the first message: a session hears what was published since it subscribed.
  for (const { subscriber } of listeners) {
    await subscriber.connect(server);
    await until("SUBACK", () => subscriber.subscribed);
    await subscriber.leave();
  }
  return { publishers, listeners, said };
}

/** Everybody talks until the process is killed. Who was still connecting then, failed to. */
async function runAndKill(
  server: BinaryServer,
  { publishers, listeners }: Cast,
  { loadMs, random }: { loadMs: number; random: Random },
): Promise<void> {
  const present = listeners.filter(({ presence }) => random.chance(presence)).map(({ subscriber }) => subscriber);
  for (const subscriber of present) subscriber.calm = false;
  for (const publisher of publishers) publisher.talk(messagesPerRoundMax);
  const everybody = [...publishers, ...present];
  const connected = Promise.all(everybody.map((client) => client.connect(server)));
  await Bun.sleep(loadMs); // the random moment itself, not a wait for something
  process.kill(server.pid, "SIGKILL");
  for (const client of everybody) client.stop();
  await withDeadline("the killed server to end", server.exited);
  await connected;
  await Promise.all(everybody.map((client) => client.lost()));
  for (const subscriber of present) subscriber.killed();
  await server[Symbol.asyncDispose]();
}

/** Publishers repeat what is in doubt until it is acknowledged; the listeners that are due hear everything. */
async function settle(
  server: BinaryServer,
  { publishers, said }: Cast,
  due: readonly Listener[],
  problems: string[],
): Promise<void> {
  for (const publisher of publishers) publisher.talk(0);
  const subscribers = due.map(({ subscriber }) => subscriber);
  for (const subscriber of subscribers) subscriber.calm = true;
  await Promise.all([...publishers, ...subscribers].map((client) => client.connect(server)));
  const settled = () => publishers.every(({ pending }) => pending === 0);
  await until("repeated messages to be acknowledged", () => settled() || problems.length > 0, settleMs);
  for (const subscriber of subscribers) {
    const all = () => subscriber.missing().length === 0;
    await until(`${subscriber.name} to hear everything`, () => all() || problems.length > 0, settleMs).catch(
      (error: unknown) => problems.push(`${error}`, ...subscriber.missing()),
    );
  }
  if (problems.length === 0) expect(said.count).toBeGreaterThan(0);
  await Promise.all([...publishers, ...subscribers].map((client) => client.leave()));
}

/** Everybody has everything: no message and no packet id is kept. */
function expectNothingLeft(path: string): void {
  const db = new Database(path, { readonly: true });
  try {
    expect(db.query("PRAGMA integrity_check").all()).toEqual([{ integrity_check: "ok" }]);
    expect(db.query("PRAGMA foreign_key_check").all()).toEqual([]);
    expect(db.query("SELECT count(*) AS count FROM mqtt_received").all()).toEqual([{ count: 0 }]);
  } finally {
    db.close();
  }
}
