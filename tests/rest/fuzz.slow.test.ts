/**
 * Random paths, headers, bodies and encodings: every answer is one of the documented forms, none is a fault of the
 * server, and it works on. `ROOST_FUZZ_SEED` runs one seed again, `ROOST_FUZZ_COUNT` that many requests.
 */
import { expect, test } from "bun:test";
import type { Log } from "../../src/lib/log.ts";
import { silentLog } from "../../src/lib/log.ts";
import { createRandom, type Random } from "../support/random.ts";
import { startTestServer } from "../support/server.ts";
import { enroll, inboxOf, prefixes, raw, room, say } from "./client.ts";

const seed = Number(process.env["ROOST_FUZZ_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const count = Number(process.env["ROOST_FUZZ_COUNT"] ?? 1500);

const methods = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"];
const words = [
  "token",
  "messages",
  "chats",
  "users",
  "me",
  "publicKey",
  "typing",
  "team",
  "nowhere",
  "openapi.json",
  "docs",
  "healthz",
  "webhooks",
  "replay",
  "dead-letters",
];
const oddText = [
  "%00",
  "%2F",
  "%zz",
  "%ff",
  "..",
  "%2e%2e",
  "%",
  "é",
  "\u0001",
  "~",
  "a".repeat(300),
  "",
  "user.1",
  "chat.1",
];
const values = [null, true, -1, 0, 1e308, 5.5, "", "team", "e1", "\u0000", "\\ud800", "x".repeat(3000), [], {}, [[[]]]];
const names = ["users", "chatName", "chatID", "content", "type", "encoding", "clientID", "statuses", "messageID"];
const moreNames = [
  "url",
  "secret",
  "events",
  "offset",
  "messageStatus",
  "userID",
  "userKey",
  "accessToken",
  "typing",
  "outgoingEvents",
  "messages",
  "timestamp",
  "clientHash",
  "messageBlock",
  "recipient",
  "sign",
  "sender",
  "refreshToken",
  "GUIDList",
  "__proto__",
];

test("whatever comes, the answer has a documented form", async () => {
  console.log(`fuzz seed ${seed}`);
  const random = createRandom(seed);
  const faults: unknown[] = [];
  const log: Log = { ...silentLog, error: (...line) => void faults.push(line) };
  await using server = await startTestServer({
    log,
    env: {
      ROOST_LOGIN_FAILURES_PER_MINUTE: "1000000",
      ROOST_REST_ANONYMOUS_REQUESTS_PER_MINUTE: "0",
      ROOST_REST_CORS_ORIGINS: "https://app.example",
      ROOST_WEBHOOKS_HOSTS: "*",
      ROOST_LIMITS_REST_BODY_BYTES: "64 KiB",
    },
  });
  const begin = async (): Promise<string[]> => {
    const [anna = "", ben = ""] = await enroll(server, "anna", "ben");
    await room(server, "team", "anna", "ben");
    return [server.backendKey, anna, ben];
  };
  let secrets = await begin();
  for (let index = 0; index < count; index += 1) {
    const request = requestOf(random, secrets);
    const answer = await raw(server, request, /^HTTP\/1\.1 [\s\S]*?\r\n\r\n/, 20_000);
    const problem = faultOf(answer);
    if (problem !== undefined || faults.length > 0) {
      throw new Error(
        `seed ${seed}, request ${index}: ${problem}\n${request.toString("latin1").slice(0, 2000)}\n${answer}`,
        {
          cause: faults[0],
        },
      );
    }
    // A token or the chat may be gone.
    if (request.toString("latin1", 0, 7) === "DELETE " && answer.startsWith("HTTP/1.1 200")) secrets = await begin();
  }
  // It still does what it is for.
  const [carla = "", dora = ""] = await enroll(server, "carla", "dora");
  await room(server, "afterwards", "carla", "dora");
  await say(server, carla, "afterwards", "still here");
  expect((await inboxOf(server, dora)).messages).toMatchObject([{ content: "still here" }]);
}, 120_000);

/** Judged by the head alone: the body's form is judged for every status by the contract test. */
function faultOf(answer: string): string | undefined {
  const status = Number(answer.slice(9, 12));
  if (!(status >= 200 && status < 500)) return `answered ${status}`;
  if (status < 400) return undefined;
  // Bun itself answers what is no HTTP, before there is a request.
  const [head = ""] = answer.split("\r\n\r\n");
  if (status === 400 && !/\r\ncontent-type:/i.test(head)) return undefined;
  if (status === 431) return undefined;
  if (!/\r\ncontent-type: application\/(?:problem\+)?json\r\n/i.test(`${head}\r\n`)) return "not JSON";
  return /\r\nx-error-detail: [\x20-\x7e]+/i.test(head) ? undefined : "no X-Error-Detail";
}

function requestOf(random: Random, secrets: readonly string[]): Buffer {
  const method = random.pick(methods);
  const body = random.chance(0.7) ? bodyOf(random) : Buffer.alloc(0);
  const lines = [`${method} ${targetOf(random, secrets)} HTTP/1.1`, "Host: x", "Connection: close"];
  for (const line of headersOf(random, secrets)) lines.push(line);
  const chunked = random.chance(0.2);
  if (chunked) lines.push("Transfer-Encoding: chunked");
  else if (body.length > 0 || random.chance(0.5)) lines.push(`Content-Length: ${body.length}`);
  const head = Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
  if (!chunked) return Buffer.concat([head, body]);
  const size = Buffer.from(`${body.length.toString(16)}\r\n`);
  const end = Buffer.from("0\r\n\r\n");
  return body.length === 0 ? Buffer.concat([head, end]) : Buffer.concat([head, size, body, Buffer.from("\r\n"), end]);
}

function targetOf(random: Random, secrets: readonly string[]): string {
  const parts = Array.from({ length: 1 + random.int(4) }, () =>
    random.chance(0.8) ? random.pick(words) : random.pick(oddText),
  );
  const path = `${random.pick(prefixes)}/${parts.join("/")}`.replace(/[^\x21-\x7e]/g, (odd) => encodeURIComponent(odd));
  if (random.chance(0.5)) return path;
  const names = ["format", "after", "limit", "after_seq", "before_seq", "users", "accessToken", "timestamp", "sign"];
  const query = Array.from({ length: 1 + random.int(3) }, () => {
    const value = random.chance(0.2)
      ? random.pick(secrets)
      : random.pick(["simple", "1", "-1", "x", "%00", "%ff", "9".repeat(40), ""]);
    return `${random.pick(names)}=${value}`;
  });
  return `${path}?${query.join(random.chance(0.9) ? "&" : "?")}`;
}

function* headersOf(random: Random, secrets: readonly string[]): Generator<string> {
  const secret = random.chance(0.8) ? random.pick(secrets) : random.pick(["wrong", "", "\xff", "x".repeat(2000)]);
  if (random.chance(0.9))
    yield random.pick([`Authorization: Bearer ${secret}`, `Authorization: ${secret}`, `X-API-Key: ${secret}`]);
  if (random.chance(0.3)) yield `Idempotency-Key: ${random.pick(["k1", "k2", "k3", "", "two words", "\xe9"])}`;
  if (random.chance(0.3))
    yield `Content-Type: ${random.pick(["application/json", "application/x-ndjson", "text/xml", "application/json; charset=latin1", ";"])}`;
  if (random.chance(0.2)) yield `Origin: ${random.pick(["https://app.example", "null", "\xff"])}`;
  if (random.chance(0.2)) yield `Last-Event-ID: ${random.pick(["x", "MS4xLjEuMQ", "\xff", "A".repeat(500)])}`;
  if (random.chance(0.1)) yield `Content-Encoding: ${random.pick(["gzip", "br", "nonsense"])}`;
  if (random.chance(0.2)) yield `Accept: ${random.pick(["*/*", "application/json", "text/event-streams", ","])}`;
}

function bodyOf(random: Random): Buffer {
  const text = Buffer.from(
    random.chance(0.1)
      ? random.pick(["", "{", "]", "nul", '"\\u00', "[".repeat(40)])
      : JSON.stringify(anyValue(random, 4)),
  );
  if (random.chance(0.1)) return Buffer.concat([text, Buffer.alloc(70_000, 0x20)]);
  if (random.chance(0.1)) return text.subarray(0, random.int(text.length + 1));
  if (random.chance(0.2) && text.length > 0) text[random.int(text.length)] = random.int(256);
  if (random.chance(0.05)) return Buffer.from(text.toString("latin1"), "utf16le");
  return text;
}

function anyValue(random: Random, depth: number): unknown {
  if (depth === 0 || random.chance(0.3)) return random.pick(values);
  if (random.chance(0.3)) return Array.from({ length: random.int(4) }, () => anyValue(random, depth - 1));
  const fields = Array.from({ length: random.int(5) }, () => [
    random.pick(random.chance(0.7) ? names : moreNames),
    anyValue(random, depth - 1),
  ]);
  return Object.fromEntries(fields);
}
