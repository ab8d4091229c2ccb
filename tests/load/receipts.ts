/**
 * What receipts cost: `bun tests/load/receipts.ts [--rounds N] [--short] [--json] [--ci]`. Members of direct chats, of a group of
 * 256 and of one of 1,000 write at the pace of people over MQTT. Every client acknowledges what it gets. The processor time
 * of the server for each message is compared: no client hears receipts; all hear them; and all also say what they have read, at
 * once, and at most once a second. Then a message to 1,000 members is encoded in this process, and the encodings are counted. With `--ci` the
 * exit code is 1 when a ratio is worse than twice its target, or when a message is encoded more often than there are forms.
 */
import { parseArgs } from "node:util";
import { Encoder } from "@msgpack/msgpack";
import { enroll, room, say } from "../rest/client.ts";
import { until } from "../support/deadline.ts";
import { startTestServer } from "../support/server.ts";
import { MinioicqClient } from "./minioicq-client.ts";
import { inParallel, MqttClient } from "./mqtt-client.ts";
import { encodePublish } from "./mqtt-wire.ts";
import { readProcessStats } from "./process-stats.ts";
import { type LoadUser, provisionChat, provisionUsers } from "./provision.ts";
import { type RunningServer, startServer, warnOfMemoryDisk } from "./server.ts";

const { values: flags } = parseArgs({
  options: {
    rounds: { type: "string" },
    short: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    ci: { type: "boolean", default: false },
    help: { type: "boolean", default: false, short: "h" },
  },
});
if (flags.help) {
  console.log("bun tests/load/receipts.ts [--rounds N] [--short] [--json] [--ci]");
  process.exit(0);
}
const rounds = Number(flags.rounds ?? (flags.short ? 1 : 3));
const warmUpMs = flags.short ? 2000 : 4000;
const measuredMs = flags.short ? 6000 : 10_000;
const backendKey = "load-backend-key-0123456789abcdef";

const modes = ["no receipts", "heard", "heard and read"] as const;
type Mode = (typeof modes)[number];

interface Row {
  readonly name: string;
  readonly chats: number;
  readonly members: number;
  /** In all chats together. */
  readonly messagesPerSecond: number;
  readonly atMost?: number;
}

const rows: readonly Row[] = [
  { name: "direct chats", chats: 100, members: 2, messagesPerSecond: 300, atMost: 1.5 },
  { name: "a group of 256", chats: 1, members: 256, messagesPerSecond: 10, atMost: 1.6 },
  { name: "a group of 1,000", chats: 1, members: 1000, messagesPerSecond: 4 },
];

class Member {
  readonly #client: MqttClient;
  readonly #chatID: string;
  readonly #reads: boolean;
  #packetId = 0;
  #said = 0;
  #readSaidMs = Number.NEGATIVE_INFINITY;
  #reading: ReturnType<typeof setTimeout> | undefined;
  acknowledged = 0;
  messages = 0;
  receipts = 0;

  private constructor(client: MqttClient, chatID: string, mode: Mode) {
    this.#reads = mode === "heard and read";
    this.#client = client;
    this.#chatID = chatID;
    client.handlers.published = (bytes, { topicStart, topicEnd }) => {
      if (bytes.toString("latin1", topicStart, topicEnd).endsWith("/messages")) this.#got();
      else this.receipts += 1;
    };
    client.handlers.acked = () => {
      this.acknowledged += 1;
    };
  }

  static async connect(server: RunningServer, { user, chatID, mode }: { user: LoadUser; chatID: string; mode: Mode }) {
    const { userID, accessToken } = user;
    const target = { host: server.mqttHost, port: server.mqttPort };
    const client = await MqttClient.connect(target, {
      clientId: `${userID}-${mode.replaceAll(" ", "")}`,
      username: userID,
      password: accessToken,
    });
    await client.subscribe(["chat/+/messages", ...(mode === "no receipts" ? [] : ["chat/+/receipts"])], 1);
    return new Member(client, chatID, mode);
  }

  say(topic: "send" | "receipts", text: string): void {
    this.#packetId = (this.#packetId % 65_535) + 1;
    const payload = Buffer.from(text);
    const packet = { topic: `chat/${this.#chatID}/${topic}`, payload, qos: 1 as const, packetId: this.#packetId };
    this.#client.append(encodePublish(packet));
    this.#client.flush();
    this.#said += 1;
  }

  /** What was read is said at once, or a second after it was said last. What a member has got in a run is all of the chat. */
  #got(): void {
    this.messages += 1;
    if (!this.#reads || this.#reading !== undefined) return;
    const dueMs = this.#readSaidMs + 1000 - performance.now();
    this.#reading = setTimeout(
      () => {
        this.#reading = undefined;
        this.#readSaidMs = performance.now();
        this.say("receipts", JSON.stringify({ read: this.messages }));
      },
      Math.max(0, dueMs),
    );
  }

  get isAcknowledged(): boolean {
    return this.acknowledged === this.#said;
  }

  close(): void {
    clearTimeout(this.#reading);
    this.#client.close();
  }
}

interface Run {
  readonly cpuMicrosecondsPerMessage: number;
  readonly receiptsPerMessage: number;
}

/** Members write in turn, each chat's one after the other. */
async function run(
  server: RunningServer,
  row: Row,
  { mode, users, tag }: { mode: Mode; users: LoadUser[]; tag: string },
) {
  const chatIDs = Array.from({ length: row.chats }, (_, chat) => `${tag}-c${chat}`);
  const usersOf = (chat: number) => users.slice(chat * row.members, (chat + 1) * row.members);
  await inParallel(row.chats, 8, (chat) =>
    provisionChat(
      { http: `http://${server.http}`, backendKey },
      chatIDs[chat] ?? "",
      usersOf(chat).map(({ userID }) => userID),
    ),
  );
  const members = await inParallel(users.length, 32, (at) => {
    const chatID = chatIDs[Math.floor(at / row.members)] ?? "";
    return Member.connect(server, { user: users[at] as LoadUser, chatID, mode });
  });
  let sent = 0;
  const sayOne = (): void => {
    const chat = sent % row.chats;
    const speaker = Math.floor(sent / row.chats) % row.members;
    members[chat * row.members + speaker]?.say("send", "a message of the length that people write");
    sent += 1;
  };
  const total = (count: (member: Member) => number): number => members.reduce((sum, one) => sum + count(one), 0);
  const isDone = (): boolean =>
    total(({ messages }) => messages) === sent * row.members && members.every((one) => one.isAcknowledged);
  async function write(forMs: number): Promise<void> {
    const begin = performance.now();
    const before = sent;
    for (let now = 0; now < forMs; now = performance.now() - begin) {
      while (sent - before < (now / 1000) * row.messagesPerSecond) sayOne();
      await Bun.sleep(5);
    }
    await until("every message at every member", isDone, 60_000);
  }
  try {
    await write(warmUpMs);
    const [sentBefore, receiptsBefore] = [sent, total(({ receipts }) => receipts)];
    const before = await readProcessStats(server.pid);
    await write(measuredMs);
    // The last receipts are told within a second or so.
    await Bun.sleep(1500);
    const after = await readProcessStats(server.pid);
    const messages = sent - sentBefore;
    return {
      cpuMicrosecondsPerMessage: ((after.cpuSeconds - before.cpuSeconds) * 1e6) / messages,
      receiptsPerMessage: (total(({ receipts }) => receipts) - receiptsBefore) / messages,
    };
  } finally {
    for (const member of members) member.close();
  }
}

const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
};

interface Figure {
  readonly row: Row;
  readonly mode: Mode;
  readonly run: Run;
  readonly ratio: number;
}

async function measure(row: Row): Promise<Figure[]> {
  await using server = await startServer({ env: { ROOST_BACKEND_KEY: backendKey } });
  const names = Array.from({ length: row.chats * row.members }, (_, at) => `u${at}`);
  const users = await provisionUsers({ http: `http://${server.http}`, backendKey }, names);
  const runs = new Map<Mode, Run[]>(modes.map((mode) => [mode, []]));
  const ratios = new Map<Mode, number[]>(modes.map((mode) => [mode, []]));
  // What is called for the first time is compiled first.
  await run(server, row, { mode: "heard and read", users, tag: "warm" });
  for (let round = 0; round < rounds; round += 1) {
    const order = round % 2 === 0 ? modes : modes.toReversed();
    const ofRound = new Map<Mode, Run>();
    for (const mode of order)
      ofRound.set(mode, await run(server, row, { mode, users, tag: `r${round}-${modes.indexOf(mode)}` }));
    const base = ofRound.get("no receipts")?.cpuMicrosecondsPerMessage ?? Number.NaN;
    for (const [mode, one] of ofRound) {
      runs.get(mode)?.push(one);
      ratios.get(mode)?.push(one.cpuMicrosecondsPerMessage / base);
    }
  }
  return modes.map((mode) => ({
    row,
    mode,
    run: {
      cpuMicrosecondsPerMessage: median((runs.get(mode) ?? []).map((one) => one.cpuMicrosecondsPerMessage)),
      receiptsPerMessage: median((runs.get(mode) ?? []).map((one) => one.receiptsPerMessage)),
    },
    ratio: median(ratios.get(mode) ?? []),
  }));
}

/** How often one message to 1,000 members is encoded: as JSON of MQTT, and as a push in MessagePack and in JSON. */
async function countEncodings(): Promise<Readonly<Record<string, number>>> {
  await using server = await startTestServer();
  const names = Array.from({ length: 1000 }, (_, at) => `u${at}`);
  const tokens: string[] = [];
  for (let from = 0; from < names.length; from += 100)
    tokens.push(...(await enroll(server, ...names.slice(from, from + 100))));
  await room(server, "crowd", ...names);
  const [host = "", port = ""] = server.mqtt.split(":");
  let got = 0;
  const phones = await inParallel(500, 16, async (at) => {
    const fields = { clientId: `p${at}`, username: names[at] ?? "", password: tokens[at] ?? "" };
    const client = await MqttClient.connect({ host, port: Number(port) }, fields);
    await client.subscribe(["chat/+/messages", "chat/+/receipts"], 1);
    client.handlers.published = () => {
      got += 1;
    };
    return client;
  });
  const desks = await inParallel(499, 16, async (at) => {
    const client = await MinioicqClient.connect(`ws://${server.http}/ws`, at % 2 === 0 ? "msgpack" : "json");
    await client.ask({ action: "auth.login", token: tokens[500 + at] ?? "", extensions: true }, ["auth.login.success"]);
    await client.ask({ action: "heartbeat" }, ["heartbeat.ack"]);
    client.onFrame = (bytes) => {
      if (bytes.includes("message.push")) got += 1;
    };
    return client;
  });
  const content = "hello";
  const counted = { "JSON of MQTT": 0, "MessagePack push": 0, "JSON push": 0 };
  const { stringify } = JSON;
  const { encode } = Encoder.prototype;
  const isPush = (value: unknown): boolean => (value as { action?: unknown } | null)?.action === "message.push";
  JSON.stringify = ((value: unknown, ...more: []) => {
    if (isPush(value)) counted["JSON push"] += 1;
    // The message is put together by hand, all but its content.
    else if (value === content) counted["JSON of MQTT"] += 1;
    return stringify(value, ...more);
  }) as typeof stringify;
  Encoder.prototype.encode = function encodeCounted(value: unknown) {
    if (isPush(value)) counted["MessagePack push"] += 1;
    return encode.call(this, value);
  };
  try {
    await say(server, tokens[999] ?? "", "crowd", content);
    await until("the message at every client", () => got === 999);
  } finally {
    JSON.stringify = stringify;
    Encoder.prototype.encode = encode;
  }
  for (const client of [...phones, ...desks]) client.close();
  return counted;
}

await warnOfMemoryDisk();
const figures: Figure[] = [];
for (const row of rows) figures.push(...(await measure(row)));
const encodings = await countEncodings();

if (flags.json) console.log(JSON.stringify({ figures, encodings }));
else {
  for (const { row, mode, run: of, ratio } of figures) {
    const { atMost } = row;
    const isBase = mode === "no receipts";
    const mark = isBase || atMost === undefined ? " " : ratio <= atMost ? "✓" : ratio <= 2 * atMost ? "–" : "✗";
    const target = isBase || atMost === undefined ? "" : `at most ${atMost}`;
    const perMember = (of.cpuMicrosecondsPerMessage / row.members).toFixed(2);
    const times = isBase ? "" : `× ${ratio.toFixed(2)}`;
    console.log(
      `${mark} ${row.name.padEnd(18)} ${mode.padEnd(16)} ${of.cpuMicrosecondsPerMessage.toFixed(0).padStart(7)} µs a message ${perMember.padStart(8)} µs a member ${of.receiptsPerMessage.toFixed(2).padStart(7)} receipts ${times.padEnd(8)} ${target}`,
    );
  }
  for (const [form, count] of Object.entries(encodings)) {
    console.log(`${count === 1 ? "✓" : "✗"} encodings of one message to 1,000 members, ${form}: ${count}`);
  }
}
const isFar = ({ ratio, row: { atMost } }: Figure): boolean => atMost !== undefined && ratio > 2 * atMost;
if (flags.ci && (figures.some(isFar) || Object.values(encodings).some((count) => count !== 1))) process.exit(1);
