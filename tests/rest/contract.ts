/** Every documented operation, called so that it gives every documented status. */
import type { ChatId } from "../../src/domain/model.ts";
import type { TestServer } from "../support/server.ts";
import { startTestServer } from "../support/server.ts";
import { type Answer, call, enroll, prefixes, room, say } from "./client.ts";
import { gatherSigned } from "./contract-signed.ts";
import { faultsOf, type JsonSchema } from "./json-schema.ts";

/** `GET /chats/{chatID}/users 200` → an answer. */
export type Answers = Map<string, Answer[]>;

export interface Document extends JsonSchema {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { responses: Record<string, JsonSchema> }>>>>;
}

/** `METHOD path status`, each of them. */
export function* documentedStatuses(document: Document): Generator<{ name: string; response: JsonSchema }> {
  for (const [path, operations] of Object.entries(document.paths)) {
    for (const [method, { responses }] of Object.entries(operations)) {
      for (const [status, response] of Object.entries(responses)) {
        yield { name: `${method.toUpperCase()} ${path} ${status}`, response };
      }
    }
  }
}

/** What the answers gathered say against the document; a status nobody has seen is said too. */
export function faultsAgainst(document: Document, answers: Answers): string[] {
  const faults: string[] = [];
  const documented = new Set<string>();
  for (const { name, response } of documentedStatuses(document)) {
    documented.add(name);
    const seen = answers.get(name) ?? [];
    if (seen.length === 0) faults.push(`${name}: never seen`);
    for (const answer of seen) faults.push(...faultsOfAnswer(name, answer, { response, document }));
  }
  for (const name of answers.keys()) if (!documented.has(name)) faults.push(`${name}: not documented`);
  return faults;
}

function faultsOfAnswer(
  name: string,
  answer: Answer,
  { response, document }: { response: JsonSchema; document: Document },
): string[] {
  const content = response["content"] as Readonly<Record<string, { schema: JsonSchema }>>;
  const type = answer.type ?? "";
  const schema = content[type]?.schema;
  if (schema === undefined) return [`${name}: answered as ${type}`];
  const headers = Object.keys((response["headers"] ?? {}) as object).filter((header) => !answer.headers.has(header));
  return [
    ...headers.map((header) => `${name}: lacks the header ${header}`),
    ...valuesOf(type, answer.text).flatMap((value) =>
      faultsOf(value, schema, document).map((fault) => `${name}: ${fault}`),
    ),
  ];
}

/** A stream of events is judged where streams are tested. */
function valuesOf(type: string, text: string): unknown[] {
  if (type === "text/event-stream") return [];
  const texts = type === "application/x-ndjson" ? text.trimEnd().split("\n") : [text];
  return texts.map((one) => JSON.parse(one));
}

/** Calls everything; each call says which operation it is an instance of. */
export async function gatherAnswers(): Promise<Answers> {
  const answers: Answers = new Map();
  const keep = (operation: string, answer: Answer): void => {
    const status = answer.status >= 500 ? "5XX" : String(answer.status);
    const name = `${operation} ${status}`;
    answers.set(name, [...(answers.get(name) ?? []), answer]);
  };
  await usual(keep);
  await bounded(keep);
  await failing(keep);
  await gatherSigned(keep);
  return answers;
}

export type Keep = (operation: string, answer: Answer) => void;

/** A call of each operation that needs a caller or a body, with a chat to try it on. */
const operations: readonly [operation: string, request: string, as: "backend" | "participant", body?: unknown][] = [
  ["POST /token", "POST /token", "backend", { userID: "dora" }],
  ["GET /messages", "GET /messages?format=simple", "participant"],
  ["POST /messages", "POST /messages", "participant", { chatID: "team", content: "hello" }],
  ["GET /chats", "GET /chats", "participant"],
  ["DELETE /chats/{chatID}", "DELETE /chats/nowhere", "backend"],
  ["GET /chats/{chatID}/users", "GET /chats/team/users", "backend"],
  ["PUT /chats/{chatID}/users", "PUT /chats/team/users", "backend", { users: ["anna"] }],
  ["DELETE /chats/{chatID}/users", "DELETE /chats/team/users", "backend", { users: ["nobody"] }],
  ["GET /chats/{chatID}/messages", "GET /chats/team/messages", "participant"],
  ["PUT /chats/{chatID}/typing", "PUT /chats/team/typing", "participant", {}],
  ["GET /users/me", "GET /users/me", "participant"],
  ["GET /users/{GUID}", "GET /users/nobody", "participant"],
  ["DELETE /users/{GUID}", "DELETE /users/nobody", "backend"],
  ["GET /webhooks", "GET /webhooks", "backend"],
  ["PUT /webhooks/{name}", "PUT /webhooks/hook", "backend", { url: "http://127.0.0.1:9/" }],
  ["GET /webhooks/{name}", "GET /webhooks/hook", "backend"],
  ["DELETE /webhooks/{name}", "DELETE /webhooks/nowhere", "backend"],
  ["POST /webhooks/{name}/replay", "POST /webhooks/hook/replay", "backend", { offset: "0.0" }],
  ["GET /webhooks/{name}/dead-letters", "GET /webhooks/hook/dead-letters", "backend"],
];
const system = ["GET /healthz", "GET /readyz", "GET /publicKey", "GET /version"];
/** Whose caller is the token itself. */
const byToken = ["PUT /token", "DELETE /token"];
const unknownToken = { refreshToken: "rr_unknown" };
const onceOnly = operations.filter(([operation]) => !operation.startsWith("GET"));

async function usual(keep: Keep): Promise<void> {
  // The host may be called, its address may not: each delivery fails at once.
  await using server = await startTestServer({ env: { ROOST_WEBHOOKS_HOSTS: "127.0.0.1" } });
  const [anna = "", ben = ""] = await enroll(server, "anna", "ben");
  await room(server, "team", "anna", "ben");
  const tokenOf = { backend: server.backendKey, participant: anna };
  const ask = async (operation: string, request: string, as?: string, body?: unknown, headers = {}) =>
    keep(operation, await call(server, request, { as, body, headers }));

  for (const prefix of prefixes) {
    for (const [operation, request, as, body] of operations) {
      await ask(operation, request.replace(" ", ` ${prefix}`), tokenOf[as], body);
      await ask(operation, request.replace(" ", ` ${prefix}`), undefined, body);
    }
    for (const request of system) await ask(request, request.replace(" ", ` ${prefix}`));
  }
  // Everything an object may hold.
  const outgoing = { chatID: "team", type: "image/png", content: "AAH/", encoding: "base64", clientID: "c1" };
  await ask("POST /messages", "POST /messages", ben, outgoing);
  await ask("POST /messages", "POST /messages", ben, [outgoing, { chatID: "team", content: "text" }]);
  await ask("POST /messages", "POST /messages", anna, { statuses: [{ messageID: "e1", messageStatus: "delivered" }] });
  await ask("POST /token", "POST /token", server.backendKey, [{ userID: "anna", displayName: "Anna" }]);
  await ask("GET /users/me", "GET /users/me", anna);
  await ask("PUT /chats/{chatID}/users", "PUT /chats/other/users", server.backendKey, { users: ["anna", "dora"] });
  await ask("GET /chats/{chatID}/users", "GET /chats/other/users", server.backendKey);
  await ask("GET /messages", "GET /messages?format=simple&limit=100", anna);
  await ask("GET /chats", "GET /chats?limit=1", anna);
  await ask("GET /chats/{chatID}/messages", "GET /chats/team/messages?limit=2", anna);
  await ask("PUT /chats/{chatID}/typing", "PUT /chats/team/typing", anna);
  await ask("DELETE /chats/{chatID}", "DELETE /chats/other", server.backendKey);
  await ask("GET /messages", "GET /messages?format=simple&limit=100", anna);
  const { backendKey } = server;
  keep("GET /messages", await streamed(server, anna));

  for (const [operation, request, as, body] of [
    ["POST /token", "POST /token", backendKey, {}],
    ["GET /messages", "GET /messages?format=simple&limit=0", anna],
    ["POST /messages", "POST /messages", anna, {}],
    ["POST /messages", "POST /messages", anna, "{"],
    ["POST /messages", "POST /messages", anna, { chatID: "nowhere", content: "x" }],
    ["POST /messages", "POST /messages", anna, { chatID: "team", content: "x".repeat(1_048_577) }],
    ["GET /chats", "GET /chats?limit=0", anna],
    ["DELETE /chats/{chatID}", "DELETE /chats/a%2Fb", backendKey],
    ["GET /chats/{chatID}/users", "GET /chats/nowhere/users", backendKey],
    ["PUT /chats/{chatID}/users", "PUT /chats/team/users", backendKey, {}],
    ["DELETE /chats/{chatID}/users", "DELETE /chats/team/users", backendKey, {}],
    ["DELETE /chats/{chatID}/users", "DELETE /chats/nowhere/users", backendKey, { users: ["x"] }],
    ["GET /chats/{chatID}/messages", "GET /chats/team/messages?limit=0", anna],
    ["GET /chats/{chatID}/messages", "GET /chats/nowhere/messages", anna],
    ["PUT /chats/{chatID}/typing", "PUT /chats/team/typing", anna, { typing: 5 }],
    ["PUT /chats/{chatID}/typing", "PUT /chats/nowhere/typing", anna],
  ] as const) {
    await ask(operation, request, as, body);
  }
  await ask("DELETE /chats/{chatID}", "DELETE /chats/nowhere", backendKey, undefined, { "Idempotency-Key": "d" });
  for (const [operation, request, as, body] of onceOnly) {
    const headers = { "Idempotency-Key": operation.replaceAll(" ", "") };
    await ask(operation, request, tokenOf[as], body, headers);
    await ask(operation, `${request}?again=1`, tokenOf[as], body, headers);
  }
  await hooks(server, ask);
  await tokens(server, ask);
  await room(server, "gone", "anna");
  await ask("DELETE /chats/{chatID}", "DELETE /chats/gone", backendKey);
}

type Ask = (operation: string, request: string, as?: string, body?: unknown, headers?: object) => Promise<void>;

/** Pairs that are refreshed and revoked, and participants as a stream. */
async function tokens(server: TestServer, ask: Ask): Promise<void> {
  const pair = JSON.parse((await call(server, "POST /token", { as: server.backendKey, body: { userID: "eve" } })).text);
  for (const body of [pair, unknownToken, {}]) await ask("PUT /token", "PUT /token", undefined, body);
  await ask("DELETE /token", "DELETE /token", pair.accessToken);
  for (const body of [unknownToken, { refreshToken: 5 }]) await ask("DELETE /token", "DELETE /token", undefined, body);
  const lines = `{"userID":"fred"}\n{"userID":"*"}\n[]\n`;
  await ask("POST /token", "POST /token", server.backendKey, lines, { "Content-Type": "application/x-ndjson" });
}

/** A webhook that fails, with a dead letter, and what is said of one that is not there or not as it must be. */
async function hooks(server: TestServer, ask: Ask): Promise<void> {
  const { backendKey } = server;
  for (const request of ["PUT /webhooks/hook", "GET /webhooks/hook"]) {
    const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
    const body = request.startsWith("PUT") ? { url: "http://127.0.0.1:9/", secret, events: ["message"] } : undefined;
    await ask(request.replace("/hook", "/{name}"), request, backendKey, body);
  }
  const place = { chatId: 1 as ChatId, messageId: 1, eventId: 1, problem: "answered 500" };
  const retry = { attempts: 1, failingSinceMs: 1, nextAtMs: 4e12 };
  await server.store.saveWebhook({
    name: "hook",
    offset: { messageId: 1, eventId: 1 },
    places: [{ ...place, ...retry }],
    caughtUp: [],
    givenUp: [1, 2].map((messageId) => ({ ...place, messageId, kind: "message" as const })),
  });
  await ask("GET /webhooks/{name}/dead-letters", "GET /webhooks/hook/dead-letters?limit=1", backendKey);
  for (const [operation, request] of [
    ["GET /webhooks/{name}", "GET /webhooks/"],
    ["DELETE /webhooks/{name}", "DELETE /webhooks/"],
    ["GET /webhooks/{name}/dead-letters", "GET /webhooks/*/dead-letters"],
    ["POST /webhooks/{name}/replay", "POST /webhooks/*/replay"],
  ] as const) {
    const rest = request.startsWith("POST") ? { offset: "0.0" } : undefined;
    await ask(operation, request.replace("*", "a%2Fb").replace(/\/$/, "/a%2Fb"), backendKey, rest);
    await ask(operation, request.replace("*", "nowhere").replace(/\/$/, "/nowhere"), backendKey, rest);
  }
  await ask("GET /webhooks", "GET /webhooks", backendKey);
  await ask("GET /webhooks/{name}", "GET /webhooks/hook", backendKey);
  await ask("PUT /webhooks/{name}", "PUT /webhooks/other", backendKey, { url: "https://elsewhere.example/" });
  await ask("DELETE /webhooks/{name}", "DELETE /webhooks/hook", backendKey);
}

/** The head of a stream; its body is judged where streams are tested. */
async function streamed(server: TestServer, token: string): Promise<Answer> {
  const abort = new AbortController();
  const response = await fetch(`http://${server.http}/messages`, {
    headers: { Authorization: token, Accept: "text/event-stream" },
    signal: abort.signal,
  });
  abort.abort();
  const { status, headers } = response;
  return { status, headers, text: "", type: headers.get("content-type") };
}

/** Bodies and callers that are too much. */
async function bounded(keep: Keep): Promise<void> {
  await using small = await startTestServer({ env: { ROOST_LIMITS_REST_BODY_BYTES: "1 KiB" } });
  const [anna = ""] = await enroll(small, "anna");
  await small.store.putWebhook({ name: "hook", url: "http://127.0.0.1:9/", secret: "", kinds: ["message"] });
  const long = JSON.stringify("x".repeat(2000));
  for (const [operation, request, as] of operations.filter(([, , , body]) => body !== undefined)) {
    const answer = await call(small, request, { as: as === "backend" ? small.backendKey : anna, body: long });
    keep(operation, answer);
  }
  for (const request of byToken) keep(request, await call(small, request, { body: long }));
  await using strict = await startTestServer({
    env: {
      ROOST_REST_REQUESTS_PER_MINUTE: "1",
      ROOST_REST_BACKEND_REQUESTS_PER_MINUTE: "1",
      ROOST_REST_ANONYMOUS_REQUESTS_PER_MINUTE: "1",
    },
  });
  const { backendKey } = strict;
  const tokens = await enroll(strict, "ben");
  await call(strict, "GET /version");
  await call(strict, "GET /users/me", { as: tokens[0] });
  await call(strict, "GET /chats/team/users", { as: backendKey });
  for (const [operation, request, as, body] of operations) {
    keep(operation, await call(strict, request, { as: as === "backend" ? backendKey : tokens[0], body }));
  }
  for (const request of [...system, ...byToken]) keep(request, await call(strict, request));
}

/** A store that fails: whoever asks is told nothing but that. */
async function failing(keep: Keep): Promise<void> {
  await using server = await startTestServer();
  const [anna = ""] = await enroll(server, "anna");
  await room(server, "team", "anna");
  await say(server, anna, "team", "hello");
  const fail = (): never => {
    throw new Error("the disk is on fire");
  };
  const failing = { findToken: fail, findBackendKey: fail, rotateToken: fail, endTokens: fail, findSecret: fail };
  Object.assign(server.domain.store, failing);
  for (const [operation, request, as, body] of operations) {
    keep(operation, await call(server, request, { as: as === "backend" ? server.backendKey : anna, body }));
  }
  for (const request of byToken) keep(request, await call(server, request, { body: unknownToken }));
  keep("GET /publicKey", await call(server, "GET /publicKey"));
}
