/** The server does what its OpenAPI document says, and the document says all of it. */

import { beforeAll, expect, test } from "bun:test";
import { createReceipts } from "../../src/delivery/receipts.ts";
import { createTyping } from "../../src/delivery/typing.ts";
import { silentLog } from "../../src/lib/log.ts";
import { defaultMemoryLimits, MemoryBudget } from "../../src/net/memory-budget.ts";
import { createRest } from "../../src/rest/door.ts";
import { defaultRestLimits } from "../../src/rest/limits.ts";
import { defaultRetryPolicy } from "../../src/webhooks/runner.ts";
import { createWebhooks } from "../../src/webhooks/webhooks.ts";
import { realClock } from "../support/manual-clock.ts";
import { startTestServer } from "../support/server.ts";
import { call } from "./client.ts";
import { type Answers, type Document, documentedStatuses, faultsAgainst, gatherAnswers } from "./contract.ts";
import { faultsOf, type JsonSchema } from "./json-schema.ts";

let document: Document;
let answers: Answers;

beforeAll(async () => {
  answers = await gatherAnswers();
  await using server = await startTestServer();
  const answer = await call(server, "GET /openapi.json");
  expect([answer.status, answer.type]).toEqual([200, "application/json"]);
  document = JSON.parse(answer.text);
  // A monitor's two answers need a server that is not well.
  const sick = createRest({
    domain: server.domain,
    hub: server.hub,
    presence: { seenBy: async () => undefined },
    receipts: createReceipts({ store: server.store, hub: server.hub, clock: realClock, log: silentLog }),
    typing: createTyping({ store: server.store, hub: server.hub, clock: realClock, log: silentLog }),
    log: silentLog,
    clock: realClock,
    health: {
      live: () => false,
      readiness: () => ({ ready: false, reasons: ["storage_full: the disk is full"], warnings: ["clock: it was set"] }),
    },
    version: "0.0.0",
    limits: defaultRestLimits,
    memory: new MemoryBudget({ limits: defaultMemoryLimits, log: silentLog }),
    openTokens: false,
    requireSignature: false,
    rates: { requestsPerMinute: 0, backendRequestsPerMinute: 0, anonymousRequestsPerMinute: 0 },
    corsOrigins: [],
    webhooks: createWebhooks({
      store: server.store,
      clock: realClock,
      log: silentLog,
      hosts: [],
      hasClosedAddress: () => Promise.resolve(false),
      retry: defaultRetryPolicy,
      send: () => Promise.resolve(204),
    }),
  });
  for (const path of ["/healthz", "/readyz"]) {
    const response = await sick.fetch(new Request(`http://x${path}`), {
      address: "127.0.0.1",
      timeouts: { timeout() {} },
    });
    const { status, headers } = response;
    expect(status).toBe(503);
    answers.set(`GET ${path} 5XX`, [
      { status, headers, type: headers.get("content-type"), text: await response.text() },
    ]);
  }
}, 60_000);

test("every documented operation gives every documented status, in the documented form, and no other", () => {
  expect([...faultsAgainst(document, answers)]).toEqual([]);
  expect([...documentedStatuses(document)].length).toBeGreaterThan(75);
});

test("an operation's path answers OPTIONS with the methods that are documented", async () => {
  await using server = await startTestServer();
  for (const [path, operations] of Object.entries(document.paths)) {
    const answer = await call(server, `OPTIONS ${path.replace(/\{\w+\}/, "team")}`);
    const allowed = (answer.headers.get("allow") ?? "").split(", ").filter((method) => !/HEAD|OPTIONS/.test(method));
    expect([path, allowed.sort()]).toEqual([
      path,
      Object.keys(operations)
        .map((method) => method.toUpperCase())
        .filter((method) => method !== "HEAD")
        .sort(),
    ]);
  }
});

test("taking any one field out of any answer's schema is found out", () => {
  let mutants = 0;
  for (const at of objectSchemas(document)) {
    for (const field of Object.keys(at["properties"] as object)) {
      const { properties, required } = at as { properties: Record<string, unknown>; required?: string[] };
      const { [field]: removed, ...rest } = properties;
      const mutable = at as { properties: unknown; required?: unknown };
      mutable.properties = rest;
      if (required !== undefined) mutable.required = required.filter((name) => name !== field);
      const [fault] = faultsAgainst(document, answers);
      mutable.properties = { ...rest, [field]: removed };
      if (required !== undefined) mutable.required = required;
      expect([field, Object.keys(rest), fault]).toEqual([field, Object.keys(rest), expect.any(String)]);
      mutants += 1;
    }
  }
  expect(mutants).toBeGreaterThan(100);
  expect([...faultsAgainst(document, answers)]).toEqual([]);
});

test("a documented status that is never seen, and one that is seen and not documented, are found out", () => {
  const { paths } = document;
  const get = paths["/users/me"]?.["get"]?.responses ?? {};
  const { "401": unauthorized, ...others } = get;
  const without = {
    ...document,
    paths: { ...paths, "/users/me": { ...paths["/users/me"], get: { responses: others } } },
  };
  expect([...faultsAgainst(without, answers)]).toEqual(["GET /users/me 401: not documented"]);
  const more = { ...get, "418": unauthorized as JsonSchema };
  const beyond = { ...document, paths: { ...paths, "/users/me": { ...paths["/users/me"], get: { responses: more } } } };
  expect([...faultsAgainst(beyond, answers)]).toEqual(["GET /users/me 418: never seen"]);
});

test("what is shown of a request is what is taken: its examples fit, and are taken", async () => {
  for (const operations of Object.values(document.paths)) {
    for (const operation of Object.values(operations) as JsonSchema[]) {
      const body = operation["requestBody"] as { content: Record<string, { schema: JsonSchema; example: unknown }> };
      const content = body?.content["application/json"];
      if (content === undefined) continue;
      expect(faultsOf(content.example, openSchema(content.schema), document)).toEqual([]);
    }
  }
});

/** Requests may hold more than is known, and their bounds are tried elsewhere. */
const openSchema = (schema: JsonSchema): JsonSchema =>
  JSON.parse(
    JSON.stringify(schema, (name, value) =>
      ["minLength", "maxLength", "minItems", "maxItems", "default", "exclusiveMinimum"].includes(name)
        ? undefined
        : value,
    ),
  );

/** Every schema of an object among the answers. */
function* objectSchemas(within: unknown): Generator<JsonSchema> {
  const document = within as {
    paths: Record<string, Record<string, { responses: unknown }>>;
    components: { schemas: unknown };
  };
  const roots = [
    document.components.schemas,
    ...Object.values(document.paths).flatMap((path) => Object.values(path).map(({ responses }) => responses)),
  ];
  for (const root of roots) yield* objectsIn(root);
}

function* objectsIn(value: unknown): Generator<JsonSchema> {
  if (typeof value !== "object" || value === null) return;
  const schema = value as JsonSchema;
  if (schema["type"] === "object" && schema["properties"] !== undefined) yield schema;
  for (const inner of Object.values(schema)) yield* objectsIn(inner);
}
