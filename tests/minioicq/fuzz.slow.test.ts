/**
 * Random and damaged frames in both encodings through real sockets: each is answered, or ends its connection with a
 * code that docs/protocols/minioicq.md § Close codes names; nothing is lost to the next good client, and memory stays
 * bounded. `ROOST_FUZZ_FRAMES=1000000 bun test tests/minioicq/fuzz.slow.test.ts` makes it longer,
 * `ROOST_FUZZ_SEED=<seed>` repeats a run.
 */
import { expect, test } from "bun:test";
import { decode, encode } from "@msgpack/msgpack";
import { withDeadline } from "../support/deadline.ts";
import { liveMemoryBytes } from "../support/live-memory.ts";
import { createRandom, type Random } from "../support/random.ts";
import { startTestServer } from "../support/server.ts";
import { catalog, type Stage, unasked, type Value, values } from "./catalog.ts";
import { MiniClient, newUser } from "./client.ts";

const frames = Number(process.env["ROOST_FUZZ_FRAMES"] ?? 20_000);
const firstSeed = Number(process.env["ROOST_FUZZ_SEED"] ?? Date.now() % 2 ** 31);
const workers = 4;

/** Each password costs tens of milliseconds by design, and chats stay, so these come less often. */
const costly = new Set([
  "auth.register",
  "auth.login",
  "password.set",
  "password.reset",
  "login_name.set",
  "token.add",
  "token.list",
  "token.revoke",
  "chat.create",
]);
/** The client id of the request that tells the end of what a frame was answered with. */
const fence = "fence";
const cheap = Object.keys(catalog).filter((action) => !costly.has(action));

const words = ["", "x", "10001", "99999", "text", "\u0000", "é".repeat(300), "2026-01-02T03:04:05Z", "__proto__", "🦆"];
const numbers = [0, -0, 1, -1, 1.5, 2 ** 31, 2 ** 53, -(2 ** 40), 1e308, 5e-324];

function anything(random: Random, depth = 0): unknown {
  const kind = random.int(depth > 3 ? 5 : 8);
  if (kind === 0) return random.pick([null, true, false]);
  if (kind === 1) return random.pick(numbers);
  if (kind === 2) return random.pick(words);
  if (kind === 3) return values[random.pick(Object.keys(values) as Value[])];
  if (kind === 4) return String.fromCharCode(...Array.from({ length: random.int(20) }, () => random.int(0xd800)));
  if (kind === 5) return Array.from({ length: random.int(5) }, () => anything(random, depth + 1));
  return Object.fromEntries(
    Array.from({ length: random.int(5) }, () => [fieldName(random), anything(random, depth + 1)]),
  );
}

const fieldNames = [
  ...new Set(Object.values(catalog).flatMap(({ fields }) => Object.keys(fields).map((path) => path.split(".").at(-1)))),
].filter((name) => name !== undefined);
const fieldName = (random: Random): string =>
  random.pick(random.chance(0.8) ? fieldNames : ["action", "reason", "x", "constructor"]);

/** Well-formed, and more or less a request. */
function request(random: Random, stage: Stage): unknown {
  if (random.chance(0.05)) return anything(random);
  const action = random.chance(0.02) ? random.pick([...costly]) : random.pick(cheap);
  const good: Record<string, unknown> = { action, ...catalog[action]?.good(stage) };
  if (random.chance(0.05)) good["action"] = anything(random);
  for (let changes = random.int(4); changes > 0; changes -= 1) {
    const inner = good["message"];
    const at = random.chance(0.5) && typeof inner === "object" && inner !== null ? { ...inner } : good;
    if (random.chance(0.2)) delete at[fieldName(random) as keyof typeof at];
    else Object.assign(at, { [fieldName(random)]: anything(random) });
    if (at !== good && "message" in good) good["message"] = at;
  }
  return good;
}

function damaged(random: Random, frame: Uint8Array): Uint8Array {
  let bytes = Buffer.from(frame);
  for (let wounds = 1 + random.int(3); wounds > 0; wounds -= 1) {
    const at = random.int(bytes.length + 1);
    const rest = bytes.subarray(at + random.int(4));
    const kind = random.int(4);
    if (kind === 0) bytes = Buffer.concat([bytes.subarray(0, at), rest]);
    else if (kind === 1) bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from([random.int(256)]), rest]);
    else if (kind === 2) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(random.int(bytes.length + 1))]);
    else if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (1 << random.int(8));
  }
  return bytes;
}

const telling = [...'{}[]":,\\'].map((one) => one.charCodeAt(0));
const msgpackHeads = [0x80, 0x81, 0x8f, 0x90, 0x93, 0xa1, 0xa6, 0xbf, 0xc0, 0xc1, 0xc4, 0xc7, 0xca, 0xcf, 0xd6, 0xd9];
const noise = (random: Random, heads: readonly number[]): Uint8Array =>
  Uint8Array.from({ length: random.int(60) }, () => (random.chance(0.5) ? random.pick(heads) : random.int(256)));

function frameOf(random: Random, stage: Stage): string | Uint8Array {
  const json = random.chance(0.5);
  const value = request(random, stage);
  const whole = json ? Buffer.from(JSON.stringify(value)) : encode(value, { maxDepth: 200 });
  const bytes = random.chance(0.6)
    ? whole
    : random.chance(0.8)
      ? damaged(random, whole)
      : noise(random, json ? telling : [...msgpackHeads, 0xdc, 0xdd, 0xde, 0xdf]);
  // What is not UTF-8 would not leave a WebSocket client as text.
  return json ? Buffer.from(bytes).toString() : bytes;
}

type Expected = "an answer" | "silence" | "an end";

/** None of the protocol's values has an extension type. */
const extensionCodec = {
  tryToEncode: () => null,
  decode(): never {
    throw new RangeError("an extension");
  },
};

/** A key of a map may be any value. Those that are no text are no names of fields, and one name the library refuses. */
const mapKeyConverter = (key: unknown): string => (typeof key === "string" && key !== "__proto__" ? key : "\0");

/** What the frame is, seen by decoders that are not the server's own code. */
function decoded(frame: string | Uint8Array): unknown {
  return typeof frame === "string" ? JSON.parse(frame) : decode(frame, { extensionCodec, mapKeyConverter });
}

function actionOf(frame: string | Uint8Array): unknown {
  try {
    const value = decoded(frame);
    return typeof value === "object" && value !== null && "action" in value ? value.action : undefined;
  } catch {
    return undefined;
  }
}

function expectationOf(frame: string | Uint8Array): readonly Expected[] {
  try {
    const value = decoded(frame);
    const action = actionOf(frame);
    if (action === "auth.logout") return ["an end"];
    // An acknowledgement is answered only where it says nothing that could be acknowledged.
    const answers: Expected[] = action === "message.push.ack" ? ["silence", "an answer"] : ["an answer"];
    // Of MessagePack the server refuses more than a decoder does: strings that are not UTF-8, half pairs too.
    const plain =
      typeof frame === "string" ||
      (Buffer.from(encode(value, { maxDepth: 200 })).equals(frame) && !/\\ud[89a-f]/.test(JSON.stringify(value)));
    return plain ? answers : [...answers, "an end"];
  } catch {
    return ["an end"];
  }
}

/** Codes docs/protocols/minioicq.md § Close codes names for what a client may do wrong, and 1000 for a logout. */
const codes = [1000, 1003, 1007];

test(
  `whatever ${frames} frames say, they are answered or their connection is closed (seed ${firstSeed})`,
  async () => {
    await using server = await startTestServer({
      env: { ROOST_LOGIN_FAILURES_PER_MINUTE: "1000000", ROOST_LOGIN_FAILURES_PER_ACCOUNT_HOUR: "1000000" },
    });
    const witness = await newUser(server.http, "Ann");
    const people = await server.domain.accounts.provision(
      Array.from({ length: workers }, (_, n) => ({ username: `fuzz${n}`, displayName: `Fuzz ${n}` })),
    );
    const tally: Record<Expected, number> = { "an answer": 0, silence: 0, "an end": 0 };
    const before = liveMemoryBytes();

    async function work(n: number): Promise<void> {
      const random = createRandom(firstSeed + n);
      const { accessToken = "", user } = people[n] ?? {};
      const me = String(user?.userId);
      const open = async (): Promise<MiniClient> => {
        const opened = await MiniClient.connect(server.http, random.chance(0.5) ? "json" : "msgpack");
        if (random.chance(0.8)) await opened.ask({ action: "auth.login", token: accessToken });
        return opened;
      };
      let client = await open();
      // Whom it talks to is itself, so that whatever it hears is its own doing.
      const stage: Stage = { me, other: me, chat: me };
      for (let done = n; done < frames; done += workers) {
        const frame = frameOf(random, stage);
        const expected = expectationOf(frame);
        const shown = typeof frame === "string" ? frame : Buffer.from(frame).toString("hex");
        const context = `seed ${firstSeed}, worker ${n}, frame ${done}: ${shown}`;
        const got = await exchange(client, frame, context);
        if (!expected.includes(got)) expect({ context, got }).toEqual({ context, got: expected[0] as Expected });
        tally[got] += 1;
        if (got === "an end") {
          client[Symbol.dispose]();
          client = await open();
        }
      }
      client[Symbol.dispose]();
    }
    await Promise.all(Array.from({ length: workers }, (_, n) => work(n)));
    expect(tally["an answer"] + tally.silence + tally["an end"]).toBe(frames);
    // None of the three is rare, or the frames were not what they should be.
    for (const count of [tally["an answer"], tally["an end"]]) expect(count).toBeGreaterThan(frames / 20);
    // Somebody may have hit upon the witness's id.
    const heard = (await witness.client.fence()).map(({ action }) => action);
    expect(heard.filter((action) => action !== "chat.spawn" && action !== "message.push")).toEqual([]);
    using next = await MiniClient.connect(server.http);
    expect(await next.login(witness.id)).toMatchObject({ action: "auth.login.success" });
    expect(await next.ask({ action: "user.get", user_id: witness.id })).toMatchObject({ user_name: "Ann" });
    expect(liveMemoryBytes() - before).toBeLessThan(64 * 1024 * 1024);
  },
  Math.max(120_000, frames * 10),
);

/** What a frame is met with: its answers come before that of the odd request behind it. */
async function exchange(client: MiniClient, frame: string | Uint8Array, context: string): Promise<Expected> {
  client.raw(frame);
  client.say({ action: "message.send", client_id: fence });
  const action = actionOf(frame);
  let answered = false;
  try {
    for (;;) {
      const answer = await client.next(10_000);
      if (answer["client_id"] === fence) return answered ? "an answer" : "silence";
      if (answer.action.endsWith(".fail") || answer.action === "error") {
        expect({ context, reason: answer["reason"] }).toEqual({ context, reason: expect.stringMatching(/^[A-Z]/) });
      }
      // What the last connection may have missed comes in between, and so does what others are told too.
      const awaited = answer.action === catalog[String(action)]?.answer;
      if (unasked.has(answer.action) && !awaited) continue;
      answered = true;
    }
  } catch (cause) {
    const closed = withDeadline(`an end or an answer, ${context}`, client.closed, 10_000);
    const { code } = await closed.catch(() => Promise.reject(new Error(context, { cause })));
    expect({ context, code, named: codes.includes(code) }).toEqual({ context, code, named: true });
    return "an end";
  }
}
