/** Every documented operation, called so that it gives every documented status. */
import { avatarPath } from "../../src/delivery/avatar.ts";
import type { ChatId, UserId } from "../../src/domain/model.ts";
import { until } from "../support/deadline.ts";
import { at } from "../support/manual-clock.ts";
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
export function* faultsAgainst(document: Document, answers: Answers): Generator<string> {
  const documented = new Set<string>();
  for (const { name, response } of documentedStatuses(document)) {
    documented.add(name);
    const seen = answers.get(name) ?? [];
    if (seen.length === 0) yield `${name}: never seen`;
    for (const answer of seen) yield* faultsOfAnswer(name, answer, { response, document });
  }
  for (const name of answers.keys()) if (!documented.has(name)) yield `${name}: not documented`;
}

function faultsOfAnswer(
  name: string,
  answer: Answer,
  { response, document }: { response: JsonSchema; document: Document },
): string[] {
  const content = response["content"] as Readonly<Record<string, { schema: JsonSchema }>> | undefined;
  const type = answer.type ?? "";
  if (content === undefined) return answer.text === "" ? [] : [`${name}: answered with a body`];
  const schema = content[type]?.schema;
  if (schema === undefined) return content["*/*"] === undefined ? [`${name}: answered as ${type}`] : [];
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
  ["PATCH /messages/{messageID}", "PATCH /messages/1", "participant", { content: "hello again" }],
  ["DELETE /messages/{messageID}", "DELETE /messages/999999", "participant"],
  ["PUT /messages/{messageID}/reactions/{reaction}", "PUT /messages/1/reactions/👍", "participant"],
  ["DELETE /messages/{messageID}/reactions/{reaction}", "DELETE /messages/1/reactions/👍", "participant"],
  ["GET /messages/{messageID}/receipts", "GET /messages/1/receipts", "participant"],
  ["GET /chats/{chatID}/changes", "GET /chats/team/changes", "participant"],
  ["GET /chats", "GET /chats", "participant"],
  ["DELETE /chats/{chatID}", "DELETE /chats/nowhere", "backend"],
  ["GET /chats/{chatID}/users", "GET /chats/team/users", "backend"],
  ["PUT /chats/{chatID}/users", "PUT /chats/team/users", "backend", { users: ["anna"] }],
  ["DELETE /chats/{chatID}/users", "DELETE /chats/team/users", "backend", { users: ["nobody"] }],
  ["GET /chats/{chatID}/messages", "GET /chats/team/messages", "participant"],
  ["GET /search", "GET /search?query=hello", "participant"],
  ["GET /chats/{chatID}/hooks", "GET /chats/team/hooks", "participant"],
  ["POST /chats/{chatID}/hooks", "POST /chats/team/hooks", "participant", { name: "grafana" }],
  ["DELETE /chats/{chatID}/hooks/{hookID}", "DELETE /chats/team/hooks/1", "participant"],
  ["PUT /chats/{chatID}/typing", "PUT /chats/team/typing", "participant", {}],
  ["PUT /chats/{chatID}/mute", "PUT /chats/team/mute", "participant", { until: "2030-01-02T03:04:05Z" }],
  ["GET /users", "GET /users?limit=2", "backend"],
  ["GET /users/me", "GET /users/me", "participant"],
  ["PATCH /users/me", "PATCH /users/me", "participant", { displayName: "Anna" }],
  ["GET /contacts", "GET /contacts", "participant"],
  ["PUT /contacts/{user}", "PUT /contacts/ben", "participant"],
  ["GET /contacts/{user}", "GET /contacts/ben", "participant"],
  ["DELETE /contacts/{user}", "DELETE /contacts/ben", "participant"],
  ["GET /users/{GUID}", "GET /users/nobody", "participant"],
  ["DELETE /users/{GUID}", "DELETE /users/nobody", "backend"],
  ["PUT /links", "PUT /links", "backend", { accessToken: "ra_unknown", userID: "fay" }],
  ["DELETE /links", "DELETE /links", "backend", { accessToken: "ra_unknown" }],
  ["GET /webhooks", "GET /webhooks", "backend"],
  ["PUT /webhooks/{name}", "PUT /webhooks/hook", "backend", { url: "http://127.0.0.1:9/" }],
  ["GET /webhooks/{name}", "GET /webhooks/hook", "backend"],
  ["DELETE /webhooks/{name}", "DELETE /webhooks/nowhere", "backend"],
  ["POST /webhooks/{name}/replay", "POST /webhooks/hook/replay", "backend", { offset: "0.0" }],
  ["GET /webhooks/{name}/dead-letters", "GET /webhooks/hook/dead-letters", "backend"],
];
/** Their paths have no prefix. */
const ofFiles: readonly [operation: string, request: string, body?: string][] = [
  ["POST /_/files", "POST /_/files?name=a.txt", "abc"],
  ["GET /_/avatars/{avatar}", `GET /_/avatars/10001-${"0".repeat(64)}`],
  ["GET /_/files/{file}", `GET /_/files/up_${"0".repeat(32)}`],
  ["HEAD /_/files/{file}", `HEAD /_/files/up_${"0".repeat(32)}`],
  ["PATCH /_/files/{file}", `PATCH /_/files/up_${"0".repeat(32)}`, "abc"],
  ["DELETE /_/files/{file}", `DELETE /_/files/up_${"0".repeat(32)}`],
  ["POST /_/session", "POST /_/session"],
  ["DELETE /_/session", "DELETE /_/session"],
];
/** Whose caller shows a name and a password, or is a backend. */
const ofOwners: readonly [operation: string, request: string, body?: object][] = [
  ["GET /tokens", "GET /tokens"],
  ["POST /tokens", "POST /tokens", { name: "script" }],
  ["DELETE /tokens/{tokenID}", "DELETE /tokens/0000000000000000"],
];
const system = ["GET /healthz", "GET /readyz", "GET /publicKey", "GET /version"];
/** Whose caller is the token itself. */
const byToken = ["PUT /token", "DELETE /token"];
const unknownToken = { refreshToken: "rr_unknown" };
const onceOnly = operations.filter(([operation]) => !operation.startsWith("GET"));

async function usual(keep: Keep): Promise<void> {
  // The host may be called, its address may not: each delivery fails at once.
  await using server = await startTestServer({
    env: { ROOST_WEBHOOKS_HOSTS: "127.0.0.1", ROOST_WEBHOOKS_NETWORKS: "127.0.0.1" },
  });
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
  await ask("POST /messages", "POST /messages", anna, {
    statuses: [
      { messageID: "e1", messageStatus: "delivered" },
      { chatID: "team", through: 1, messageStatus: "read" },
    ],
  });
  await ask("POST /token", "POST /token", server.backendKey, [{ userID: "anna", displayName: "Anna" }]);
  await ask("GET /users/me", "GET /users/me", anna);
  await ask("GET /_/avatars/{avatar}", `GET ${avatarPath({ id: 10_001 })}`);
  await ask("GET /_/avatars/{avatar}", `GET /_/avatars/10001-${"0".repeat(64)}`);
  await ask("PUT /chats/{chatID}/users", "PUT /chats/other/users", server.backendKey, { users: ["anna", "dora"] });
  await server.domain.hooks.add({ chat: { key: "other" }, name: "cron" });
  await ask("GET /chats/{chatID}/users", "GET /chats/other/users", server.backendKey);
  await ask("GET /messages", "GET /messages?format=simple&limit=100", anna);
  await ask("GET /chats", "GET /chats?limit=1", anna);
  await ask("GET /chats", "GET /chats?limit=1", server.backendKey);
  const { user_id: annasId } = JSON.parse((await call(server, "GET /users/me", { as: anna })).text);
  await server.store.touchUsers([{ userId: Number(annasId) as UserId, lastSeenAtMs: 1 }]);
  await ask("GET /users", "GET /users?userID=anna", server.backendKey);
  await ask("DELETE /messages/{messageID}", "DELETE /messages/1", server.backendKey);
  await ask("GET /chats/{chatID}/messages", "GET /chats/team/messages?limit=2", anna);
  await ask("PUT /chats/{chatID}/typing", "PUT /chats/team/typing", anna);
  await ask("DELETE /chats/{chatID}", "DELETE /chats/other", server.backendKey);
  await room(server, "left", "dora", "anna");
  const dora = await server.store.findUserByKey("dora");
  await server.domain.chats.leave(dora?.userId as UserId, { key: "left" });
  await ask("GET /messages", "GET /messages?format=simple&limit=100", anna);
  await changed(server, { anna, ben }, ask);
  const { backendKey } = server;
  keep("GET /messages", await streamed(server, anna));

  const { hook } = await server.domain.hooks.add({ chat: { key: "team" }, name: "cron" });
  for (const [operation, request, as, body] of [
    ["POST /token", "POST /token", backendKey, {}],
    ["GET /messages", "GET /messages?format=simple&limit=0", anna],
    ["POST /messages", "POST /messages", anna, {}],
    ["POST /messages", "POST /messages", anna, "{"],
    ["POST /messages", "POST /messages", anna, { chatID: "nowhere", content: "x" }],
    ["POST /messages", "POST /messages", anna, { chatID: "team", content: "x".repeat(1_048_577) }],
    ["GET /chats", "GET /chats?limit=0", anna],
    ["GET /chats", "GET /chats?limit=0", backendKey],
    ["GET /users", "GET /users?limit=0", backendKey],
    ["DELETE /chats/{chatID}", "DELETE /chats/a%2Fb", backendKey],
    ["GET /chats/{chatID}/users", "GET /chats/nowhere/users", backendKey],
    ["PUT /chats/{chatID}/users", "PUT /chats/team/users", backendKey, {}],
    ["DELETE /chats/{chatID}/users", "DELETE /chats/team/users", backendKey, {}],
    ["DELETE /chats/{chatID}/users", "DELETE /chats/nowhere/users", backendKey, { users: ["x"] }],
    ["GET /chats/{chatID}/messages", "GET /chats/team/messages?limit=0", anna],
    ["GET /chats/{chatID}/messages", "GET /chats/nowhere/messages", anna],
    ["GET /search", "GET /search", anna],
    ["GET /search", "GET /search?query=hello&chatID=nowhere", anna],
    ["GET /chats/{chatID}/hooks", "GET /chats/a%2Fb/hooks", anna],
    ["GET /chats/{chatID}/hooks", "GET /chats/team/hooks", ben],
    ["GET /chats/{chatID}/hooks", "GET /chats/nowhere/hooks", anna],
    ["POST /chats/{chatID}/hooks", "POST /chats/team/hooks", anna, { name: 5 }],
    ["POST /chats/{chatID}/hooks", "POST /chats/team/hooks", ben],
    ["POST /chats/{chatID}/hooks", "POST /chats/nowhere/hooks", anna],
    ["DELETE /chats/{chatID}/hooks/{hookID}", "DELETE /chats/a%2Fb/hooks/1", anna],
    ["DELETE /chats/{chatID}/hooks/{hookID}", `DELETE /chats/team/hooks/${hook.userId}`, ben],
    ["DELETE /chats/{chatID}/hooks/{hookID}", `DELETE /chats/team/hooks/${hook.userId}`, anna],
    ["PATCH /users/me", "PATCH /users/me", anna, { presence: "all" }],
    ["GET /contacts", "GET /contacts?limit=0", anna],
    ["GET /contacts/{user}", "GET /contacts/nobody", anna],
    ["PUT /contacts/{user}", "PUT /contacts/nobody", anna],
    ["DELETE /contacts/{user}", "DELETE /contacts/nobody", anna],
    ["PUT /chats/{chatID}/typing", "PUT /chats/team/typing", anna, { typing: 5 }],
    ["PUT /chats/{chatID}/typing", "PUT /chats/nowhere/typing", anna],
    ["PUT /chats/{chatID}/mute", "PUT /chats/team/mute", anna],
    ["PUT /chats/{chatID}/mute", "PUT /chats/team/mute", anna, { until: "tomorrow" }],
    ["PUT /chats/{chatID}/mute", "PUT /chats/nowhere/mute", anna],
  ] as const) {
    await ask(operation, request, as, body);
  }
  await ask("DELETE /chats/{chatID}", "DELETE /chats/nowhere", backendKey, undefined, { "Idempotency-Key": "d" });
  for (const [operation, request, as, body] of onceOnly) {
    const headers = { "Idempotency-Key": operation.replaceAll(" ", "") };
    await ask(operation, request, tokenOf[as], body, headers);
    await ask(operation, `${request}?again=1`, tokenOf[as], body, headers);
  }
  await files(server, ask, anna);
  await hooks(server, ask);
  await contacts(server, ask, anna);
  await tokens(server, ask);
  await longTokens(server, ask);
  await links(server, ask);
  await room(server, "gone", "anna");
  await ask("DELETE /chats/{chatID}", "DELETE /chats/gone", backendKey);
}

/** Messages that are edited, deleted and reacted to, and what is refused of that. */
async function changed(server: TestServer, { anna, ben }: { anna: string; ben: string }, ask: Ask): Promise<void> {
  const idOf = async (body: object): Promise<string> =>
    JSON.parse(
      (await call(server, "POST /messages", { as: anna, body: { chatID: "team", content: "x", ...body } })).text,
    ).message_id;
  const edit = "PATCH /messages/{messageID}";
  const remove = "DELETE /messages/{messageID}";
  const react = "PUT /messages/{messageID}/reactions/{reaction}";
  const unreact = "DELETE /messages/{messageID}/reactions/{reaction}";
  const first = await idOf({});
  const answer = await idOf({ reply_to: first, content: "hello @ben" });
  await ask(edit, `PATCH /messages/${answer}`, anna, { content: "AAH/", encoding: "base64", mentions: [] });
  await ask(remove, `DELETE /messages/${first}`, ben);
  const { next } = JSON.parse((await call(server, "GET /messages?format=simple&limit=100", { as: ben })).text);
  for (const change of [
    () => ask(edit, `PATCH /messages/${answer}`, anna, { content: "heard at once" }),
    () => ask(react, `PUT /messages/${first}/reactions/👍`, ben),
    () => ask(remove, `DELETE /messages/${first}`, anna),
  ]) {
    const waiting = ask("GET /messages", `GET /messages?format=simple&wait=30&after=${next}`, ben);
    await until("a request that waits", () => server.hub.size().sinks === 1);
    await change();
    await waiting;
  }
  const told = await idOf({ content: "hello @ben" });
  const ofReceipts = "GET /messages/{messageID}/receipts";
  await ask(ofReceipts, `GET /messages/${told}/receipts`, anna);
  await ask(ofReceipts, "GET /messages/999999/receipts", anna);
  const asking = "GET /messages?format=simple&limit=100&receipts=true";
  const { next: before } = JSON.parse((await call(server, asking, { as: anna })).text);
  const statuses = [{ messageID: told, messageStatus: "read" }];
  await ask("POST /messages", "POST /messages", ben, { statuses });
  await ask("GET /messages", `${asking}&after=${before}`, anna);
  await ask("GET /chats/{chatID}/messages", "GET /chats/team/messages?limit=3", anna);
  await ask("GET /chats/{chatID}/changes", "GET /chats/team/changes?after=0&limit=50", ben);
  await ask("GET /chats/{chatID}/changes", "GET /chats/team/changes?after=999&epoch=other", ben);
  await ask("GET /chats/{chatID}/changes", "GET /chats/team/changes?after=x", ben);
  await ask("GET /chats/{chatID}/changes", "GET /chats/nowhere/changes", ben);
  for (const wrong of [first, "999999", "word"]) {
    await ask(edit, `PATCH /messages/${wrong}`, anna, { content: "x" });
    await ask(remove, `DELETE /messages/${wrong}`, anna);
    await ask(react, `PUT /messages/${wrong}/reactions/👍`, anna);
    await ask(unreact, `DELETE /messages/${wrong}/reactions/👍`, anna);
  }
  await ask(edit, `PATCH /messages/${answer}`, anna, { text: "x" });
  await ask(react, `PUT /messages/${answer}/reactions/ok`, anna);
  await ask(unreact, `DELETE /messages/${answer}/reactions/ok`, anna);
  for (let kind = 0; kind < 20; kind += 1) {
    await call(server, `PUT /messages/${answer}/reactions/${String.fromCharCode(65 + kind)}`, { as: anna });
  }
  await ask(react, `PUT /messages/${answer}/reactions/Z`, ben);
  await ask("GET /chats/{chatID}/messages", "GET /chats/team/messages?limit=3", anna);
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

/** Files that go up whole and in pieces, and what is said of those that are not there or not as they must be. */
async function files(server: TestServer, ask: Ask, anna: string): Promise<void> {
  const [one, post, patch] = ["/_/files/{file}", "POST /_/files", "PATCH /_/files/{file}"];
  for (const [operation, request, body] of ofFiles) {
    await ask(operation, request, undefined, body);
    await ask(operation, request, anna, body, { "Upload-Offset": "0" });
  }
  const uploadOf = async (body: string, headers: Record<string, string>): Promise<string> => {
    const answer = await call(server, `${post}?name=a.png`, { as: anna, body, headers: { ...headers, ...png } });
    return (JSON.parse(answer.text) as { file: string }).file;
  };
  const png = { "Content-Type": "image/png" };
  const begun = await uploadOf("ab", { "Upload-Length": "4" });
  const at = (offset: string, more = {}) => ({ "Upload-Offset": offset, ...more });
  const gzip = { "Content-Encoding": "gzip" };
  for (const [operation, request, body, headers] of [
    [post, post, "", {}],
    [post, post, "abc", gzip],
    [patch, `PATCH /_/files/${begun}`, "c", {}],
    [patch, `PATCH /_/files/${begun}`, "c", at("2", gzip)],
    [patch, `PATCH /_/files/${begun}`, "c", at("1")],
    [patch, `PATCH /_/files/${begun}`, "cd", at("2")],
    [`GET ${one}`, `GET /_/files/${begun}`, undefined, {}],
    [`HEAD ${one}`, `HEAD /_/files/${begun}`, undefined, {}],
  ] as const) {
    await ask(operation, request, anna, body, headers);
  }
  await ask(post, post, anna, bodyOf("abc"), {});
  await ask(patch, `PATCH /_/files/${begun}`, anna, bodyOf("x"), at("4"));
  await call(server, "POST /messages", { as: anna, body: { chatID: "team", file: begun } });
  await ask("GET /chats/{chatID}/messages", "GET /chats/team/messages?limit=1", anna);
  const { text } = await call(server, "GET /chats/team/messages?limit=1", { as: anna });
  const [message] = (JSON.parse(text) as { messages: { file: { url: string } }[] }).messages;
  const url = message?.file.url ?? "";
  await ask(`GET ${one}`, `GET ${url}`, anna);
  await ask(`GET ${one}`, `GET ${url}`, anna, undefined, { Range: "bytes=0-1" });
  await ask(`GET ${one}`, `GET ${url}`, anna, undefined, { Range: "bytes=9-" });
  await ask(`GET ${one}`, `GET ${url}`, anna, undefined, { "If-None-Match": "*" });
  await ask(`DELETE ${one}`, `DELETE /_/files/${begun}`, anna);
}

/** Its length is not told ahead. */
const bodyOf = (text: string): ReadableStream =>
  new ReadableStream({
    async pull(controller) {
      controller.enqueue(new TextEncoder().encode(text));
      await new Promise(setImmediate);
      controller.close();
    },
  });

/** Long-lived tokens of people with a password and of a backend's participants; and what a token with a scope does not open. */
async function longTokens(server: TestServer, ask: Ask): Promise<void> {
  const { backendKey } = server;
  await server.domain.accounts.add({ nick: "Gil", username: "gil", password: "correct horse" });
  const basic = (password: string) => ({ Authorization: `Basic ${btoa(`gil:${password}`)}` });
  const [right, wrong] = [basic("correct horse"), basic("wrong")];
  const scopes = [{ allow: "publish", topic: "home" }];
  const made = await call(server, "POST /tokens", {
    headers: right,
    body: { name: "script", scopes: [...scopes, { allow: "send", chat: "team" }], expires_in: 60 },
  });
  await ask("POST /tokens", "POST /tokens", undefined, { scopes: [...scopes, { allow: "send", chat: "team" }] }, right);
  const { token, token_id: id } = JSON.parse(made.text) as { token: string; token_id: string };
  for (const [operation, request, body] of ofOwners) {
    await ask(operation, request, undefined, body, right);
    await ask(operation, request, undefined, body, wrong);
    await ask(operation, request, token, body);
    for (const userID of ["eve", "gil", "nobody", "a b"]) {
      const named = body === undefined ? `${request}?userID=${encodeURIComponent(userID)}` : request;
      await ask(operation, named, backendKey, body === undefined ? undefined : { ...body, userID });
    }
    await ask(operation, request, backendKey, body);
  }
  await ask("POST /tokens", "POST /tokens", undefined, { scopes: [{ allow: "send", topic: "home" }] }, right);
  await ask("DELETE /tokens/{tokenID}", `DELETE /tokens/${id}`, undefined, undefined, right);
  const { secret } = await server.domain.longTokens.add({
    ownerKey: `user:${(await server.store.findUserByKey("anna"))?.userId}`,
    name: undefined,
    scopes,
    lifetimeMs: undefined,
    madeBy: "operator",
  });
  for (const [operation, request, as, body] of operations) {
    if (as === "participant") await ask(operation, request, secret, body);
  }
  await ask("DELETE /token", "DELETE /token", secret);
  const { userId } = (await server.store.findUserByKey("gil")) ?? { userId: 0 };
  for (let n = 0; n < 100; n += 1) {
    const request = { ownerKey: `user:${userId}`, name: undefined, scopes: undefined, lifetimeMs: undefined };
    await server.domain.longTokens.add({ ...request, madeBy: "rest" }).catch(() => {});
  }
  await ask("POST /tokens", "POST /tokens", undefined, {}, right);
}

/** A userID and a password that are linked to whom a token names, and what is refused of that. */
async function links(server: TestServer, ask: Ask): Promise<void> {
  const { backendKey } = server;
  const { userId } = await server.domain.accounts.add({ nick: "Hal", password: "correct horse" });
  const { token } = await server.domain.logIns.remember(userId, undefined);
  const [ivy = ""] = await enroll(server, "ivy");
  const bodies = [
    { accessToken: token, userID: "anna" },
    { accessToken: token, userID: "hal" },
    { accessToken: token, password: "correct horse" },
    { accessToken: ivy, password: "correct horse" },
    { accessToken: "rl_".padEnd(35, "x"), userID: "fay" },
    { accessToken: token, userID: "a b" },
    {},
  ];
  for (const body of bodies) await ask("PUT /links", "PUT /links", backendKey, body);
  for (const accessToken of [token, token, "rl_".padEnd(35, "x"), 5]) {
    await ask("DELETE /links", "DELETE /links", backendKey, { accessToken });
  }
  // A refusal of what was asked is kept too.
  for (const [operation, body] of [
    ["PUT /links", { accessToken: ivy, userID: "fay" }],
    ["DELETE /links", { accessToken: token }],
  ] as const) {
    for (const query of ["", "?again=1"]) {
      await ask(operation, `${operation}${query}`, backendKey, body, { "Idempotency-Key": operation.slice(0, 3) });
    }
  }
  const [joe = ""] = await enroll(server, "joe");
  await ask("DELETE /links", "DELETE /links", backendKey, { accessToken: joe });
}

/** A webhook that fails, with a dead letter, and what is said of one that is not there or not as it must be. */
/** One more than a user may have. */
async function contacts(server: TestServer, ask: Ask, anna: string): Promise<void> {
  const { user_id: id } = JSON.parse((await call(server, "GET /users/me", { as: anna })).text);
  const ben = (await server.store.findUserByKey("ben"))?.userId as UserId;
  await server.store.requestContacts({ userId: ben, friends: [Number(id)] });
  await server.store.confirmContact({ userId: Number(id) as UserId, friend: ben });
  await server.store.touchUsers([{ userId: ben, lastSeenAtMs: 60_000 }]);
  await ask("GET /contacts/{user}", "GET /contacts/ben", anna);
  const others = Array.from({ length: 10_001 }, (_, at) => server.store.createUser({ nick: `friend ${at}` }));
  const ids = (await Promise.all(others)).map(({ userId }) => userId as number);
  while (ids.length > 0) {
    await server.store.requestContacts({ userId: Number(id) as UserId, friends: ids.splice(0, 1000) });
  }
  await ask("PUT /contacts/{user}", "PUT /contacts/dora", anna);
  await ask("GET /contacts", "GET /contacts?limit=2", anna);
}

async function hooks(server: TestServer, ask: Ask): Promise<void> {
  const { backendKey } = server;
  for (const request of ["PUT /webhooks/hook", "GET /webhooks/hook"]) {
    const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
    const body = request.startsWith("PUT") ? { url: "http://127.0.0.1:9/", secret, events: ["message"] } : undefined;
    await ask(request.replace("/hook", "/{name}"), request, backendKey, body);
  }
  const place = { chatId: 1 as ChatId, messageId: 1, eventId: 1, problem: "answered 500" };
  const retry = { attempts: 1, failingSinceMs: at(1), nextAtMs: at(4e12) };
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
  keep("POST /tokens", await call(small, "POST /tokens", { as: small.backendKey, body: long }));
  await using few = await startTestServer({ env: { ROOST_FILES_MAX_BYTES: "64 KiB" } });
  const [carl = ""] = await enroll(few, "carl");
  keep("POST /_/files", await call(few, "POST /_/files", { as: carl, body: "x".repeat(65_537) }));
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
  for (const [operation, request, body] of ofOwners)
    keep(operation, await call(strict, request, { as: backendKey, body }));
  for (const request of [...system, ...byToken]) keep(request, await call(strict, request));
  for (const [operation, request, body] of ofFiles) {
    keep(operation, await call(strict, request, { as: tokens[0], body }));
  }
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
  const failing = {
    findToken: fail,
    findBackendKey: fail,
    rotateToken: fail,
    endTokens: fail,
    findSecret: fail,
    findChatAvatar: fail,
  };
  Object.assign(server.domain.store, failing);
  for (const [operation, request, as, body] of operations) {
    keep(operation, await call(server, request, { as: as === "backend" ? server.backendKey : anna, body }));
  }
  for (const [operation, request, body] of ofOwners) {
    keep(operation, await call(server, request, { as: server.backendKey, body }));
  }
  for (const request of byToken) keep(request, await call(server, request, { body: unknownToken }));
  for (const [operation, request, body] of ofFiles) keep(operation, await call(server, request, { as: anna, body }));
  keep("GET /publicKey", await call(server, "GET /publicKey"));
}
