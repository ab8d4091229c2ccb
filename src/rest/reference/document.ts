/**
 * The OpenAPI 3.1 document, made of the schemas that check requests and of those that describe answers. It takes some
 * tens of milliseconds, so between two paths other work gets its turn.
 */

import { z } from "zod";
import { keyPattern, userKeyPattern } from "../../domain/keys.ts";
import { shownSchema } from "./described.ts";
import type { Operation, OperationAnswer } from "./operation.ts";
import type { Operations } from "./operations.ts";

type Json = Readonly<Record<string, unknown>>;

/** What a reader looks for, in the order in which they need it; by the first level of the path. */
const groups: readonly { readonly name: string; readonly description: string; readonly paths: readonly string[] }[] = [
  {
    name: "Tokens",
    description: "Make participants, and renew or end their tokens.",
    paths: ["token", "links", "tokens"],
  },
  { name: "Chats", description: "Make chats, and read what was said in them.", paths: ["chats"] },
  { name: "Messages", description: "Send, receive, confirm and find.", paths: ["messages", "search"] },
  { name: "People", description: "Who is who, and who are friends.", paths: ["users", "contacts"] },
  { name: "Files", description: "Content that is too large for a message.", paths: ["_"] },
  { name: "Webhooks", description: "The server calls you.", paths: ["webhooks"] },
  { name: "Server", description: "For monitors and tools.", paths: ["healthz", "readyz", "publicKey", "version"] },
];

function groupOf(path: string): string {
  const [, first = ""] = path.split("/");
  const group = groups.find(({ paths }) => paths.includes(first));
  if (group === undefined) throw new Error(`${path} is in no group of the reference`);
  return group.name;
}

const prefixes = ["/", "/api/v3", "/backend", "/public", "/api/v3/backend", "/api/v3/public"];

export async function createDocument(operations: Operations, version: string): Promise<Json> {
  const definitions: Record<string, unknown> = {};
  const paths: Record<string, Record<string, Json>> = {};
  for (const [path, methods] of Object.entries(operations)) {
    await new Promise<void>((resolve) => setImmediate(resolve));
    const written = path.replaceAll(/:(\w+)/g, "{$1}");
    paths[written] = Object.fromEntries(
      Object.entries(methods as Readonly<Record<string, Operation>>).map(([method, operation]) => [
        method.toLowerCase(),
        operationOf(written, operation, definitions),
      ]),
    );
  }
  return {
    openapi: "3.1.0",
    jsonSchemaDialect: "https://json-schema.org/draft/2020-12/schema",
    info: {
      title: "Roost",
      version,
      description:
        "People, chats and messages over HTTP. Every path is served under six prefixes. A refusal tells what was wrong in X-Error-Detail.",
    },
    servers: prefixes.map((url) => ({ url })),
    tags: groups
      .filter(({ name }) => Object.keys(paths).some((path) => groupOf(path) === name))
      .map(({ name, description }) => ({ name, description })),
    paths,
    components: {
      schemas: definitions,
      securitySchemes: {
        backendKey: { type: "http", scheme: "bearer", description: "The backend key; also in X-API-Key." },
        password: { type: "http", scheme: "basic", description: "A user's name and password." },
        accessToken: {
          type: "http",
          scheme: "bearer",
          description: "A participant's access token; also bare, in X-API-Key, or as `accessToken` in query or body.",
        },
      },
    },
  };
}

function operationOf(path: string, operation: Operation, definitions: Record<string, unknown>): Json {
  const { id, summary, about, caller, orBackend, once, query, headers = {}, body, bytes, answers } = operation;
  const parameters = [
    ...[...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => pathParameter(name ?? "")),
    ...(query === undefined ? [] : queryParameters(query)),
    ...Object.entries(headers).map(([name, { about: description, example }]) => ({
      name,
      in: "header",
      description,
      required: example !== undefined,
      schema: { type: "string" },
      ...(example === undefined ? {} : { example }),
    })),
    ...(once === undefined ? [] : [idempotencyKey]),
    ...(hasStream(answers) ? [lastEventId] : []),
  ];
  return {
    operationId: id,
    summary,
    description: about,
    tags: [groupOf(path)],
    security: securityOf(caller, orBackend === true),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: body.required,
            content: {
              "application/json": { schema: taken(body.schema), example: body.example },
              ...(body.line === undefined ? {} : { "application/x-ndjson": { schema: taken(body.line) } }),
            },
          },
        }),
    ...(bytes === undefined
      ? {}
      : { requestBody: { required: false, content: { [bytes.type]: { example: bytes.file }, "*/*": {} } } }),
    responses: Object.fromEntries(
      Object.entries(answers).map(([status, answer]) => [status, responseOf(status, answer, definitions)]),
    ),
  };
}

/** An empty list says that no key is needed; a missing one would leave it open. */
function securityOf(caller: Operation["caller"], orBackend: boolean): Json[] {
  if (caller === "anyone") return [];
  const backend = { backendKey: [] };
  if (caller === "backend") return [backend];
  const own = caller === "owner" ? { password: [] } : { accessToken: [] };
  return orBackend ? [own, backend] : [own];
}

const hasStream = (answers: Operation["answers"]): boolean =>
  Object.values(answers).some((answer) => answer.stream === true);

const pathParameter = (name: string): Json => ({
  name,
  in: "path",
  required: true,
  schema: { type: "string", pattern: pathPatterns[name] ?? "^[a-zA-Z0-9.-]{1,64}$" },
});

const pathPatterns: Readonly<Record<string, string>> = {
  chatID: keyPattern.source,
  user: userKeyPattern.source,
  messageID: "^\\d{1,16}$",
  file: "^(?:up_[0-9a-f]{32}|[0-9a-f]{64})$",
  avatar: "^[1-9]\\d{0,14}-[0-9a-f]{64}$",
  tokenID: "^[0-9a-f]{16}$",
  GUID: "^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
};

const idempotencyKey: Json = {
  name: "Idempotency-Key",
  in: "header",
  description: "For a day, a request with the same key gets the same answer, and nothing is done twice.",
  schema: { type: "string", pattern: "^[!-~]{1,255}$" },
};

const lastEventId: Json = {
  name: "Last-Event-ID",
  in: "header",
  description: "For a stream: the last id that the client saw. It takes precedence over `after`.",
  schema: { type: "string" },
};

function queryParameters(query: z.ZodObject): Json[] {
  const { properties = {} } = taken(query) as { properties?: Readonly<Record<string, Json>> };
  return Object.entries(properties).map(([name, schema]) => ({ name, in: "query", required: false, schema }));
}

function responseOf(status: string, answer: OperationAnswer, definitions: Record<string, unknown>): Json {
  const { about, stream, empty } = answer;
  const content: Record<string, Json> = {};
  for (let form: OperationAnswer | undefined = answer; form !== undefined; form = form.or) {
    if (form.bytes) content["*/*"] = {};
    else if (form.schema !== undefined && !form.empty) {
      content[form.contentType ?? "application/json"] = { schema: given(form.schema, definitions) };
    }
  }
  if (stream) content["text/event-stream"] = { schema: { type: "string" } };
  return {
    description: about,
    ...(Number(status) < 400 || status === "416"
      ? {}
      : { headers: { "X-Error-Detail": { schema: { type: "string" } } } }),
    ...(empty ? {} : { content }),
  };
}

/** A schema of what comes in. */
function taken(schema: z.ZodType): Json {
  return bare(
    z.toJSONSchema(schema, {
      io: "input",
      unrepresentable: "any",
      override({ zodSchema, jsonSchema }) {
        const shown = shownSchema(zodSchema);
        if (shown === undefined) return;
        for (const name of Object.keys(jsonSchema)) delete jsonSchema[name];
        Object.assign(jsonSchema, taken(shown));
      },
    }),
  );
}

/** A schema of what goes out; those with a name are written once, under `components`. */
function given(schema: z.ZodType, definitions: Record<string, unknown>): Json {
  const { $defs = {}, ...rest } = bare(z.toJSONSchema(schema, { io: "output", reused: "inline" })) as {
    $defs?: Readonly<Record<string, Json>>;
  };
  for (const [name, definition] of Object.entries($defs)) definitions[name] = placed(bare(definition));
  const id = schema.meta()?.id;
  if (id === undefined || "$ref" in rest) return placed(rest);
  definitions[id] = placed(rest);
  return { $ref: `#/components/schemas/${id}` };
}

/** References made to `$defs` point to `components` instead. */
const placed = (schema: Json): Json =>
  JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/')) as Json;

function bare(schema: object): Json {
  const { $schema: _dialect, id: _id, ...rest } = schema as Record<string, unknown>;
  return rest;
}
