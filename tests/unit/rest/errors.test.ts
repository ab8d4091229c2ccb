import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { DomainError, type DomainErrorCode, domainErrorCodes } from "../../../src/domain/errors.ts";
import { type Log, silentLog } from "../../../src/lib/log.ts";
import { answerDocumented, answerProblem, badRequest, printable, Refusal, words } from "../../../src/rest/errors.ts";

const request = { method: "PUT", path: "/chats/team/users" };

/** What the REST document prints for each route, and what may be answered anywhere. */
const documentedAnswers: Record<keyof typeof words, string[]> = {
  token: ["400 Invalid parameters"],
  refresh: ["400 Invalid parameters", "401 refreshToken is not valid"],
  users: ["404 userGUID not found"],
  deleteChat: ["400 Invalid chatID"],
  putUsers: ["400 Invalid parameters"],
  getUsers: ["400 Invalid chatID"],
  deleteUsers: ["400 Bad request", "404 ChatID not found"],
  messages: ["400 Bad request", "404 ChatID not found"],
};
const anywhere = [
  "401 Bad token",
  "403 Out of scope",
  "413 Message too large",
  "429 Too many requests",
  "500 Internal server error",
  "503 Service unavailable",
  "507 Account full",
];
const routes = Object.keys(words) as (keyof typeof words)[];

describe("documented routes", () => {
  test.each(routes)("%s answers every error in its own words", async (route) => {
    for (const code of domainErrorCodes) {
      const response = answerDocumented(words[route], new DomainError(code, "why"), silentLog, request);
      const body = await response.text();
      const { error } = JSON.parse(body);
      expect(body).toBe(JSON.stringify({ error }));
      expect(response.headers.get("content-type")).toBe("application/json");
      expect([
        ...documentedAnswers[route],
        ...anywhere,
        ...(route === "token" || route === "refresh" ? ["500 Internal server error"] : []),
      ]).toContain(`${response.status} ${error}`);
      expect(response.headers.get("x-error-detail")).toBe(new DomainError(code, "why").reason);
    }
  });

  const rows: [DomainErrorCode, keyof typeof words, number, string][] = [
    ["chat_not_found", "deleteChat", 400, "Invalid chatID"],
    ["chat_not_found", "deleteUsers", 404, "ChatID not found"],
    ["chat_not_found", "getUsers", 400, "Invalid chatID"],
    ["not_a_member", "messages", 404, "ChatID not found"],
    ["too_many_members", "putUsers", 400, "Invalid parameters"],
    ["reserved_key", "token", 400, "Invalid parameters"],
    ["not_authorized", "putUsers", 401, "Bad token"],
    ["try_later", "putUsers", 429, "Too many requests"],
    ["busy", "token", 503, "Service unavailable"],
    ["stopping", "token", 503, "Service unavailable"],
    ["storage_full", "putUsers", 500, "Internal server error"],
  ];
  test.each(rows)("%s on %s is %d %s", async (code, route, status, error) => {
    const response = answerDocumented(words[route], new DomainError(code), silentLog, request);
    expect([response.status, await response.json()]).toEqual([status, { error }]);
    if (status === 429 || status === 503) expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(0);
  });
});

test("what was wrong is a sentence, with and without a detail, and fits the header as it is", () => {
  for (const code of domainErrorCodes) {
    for (const error of [new DomainError(code), new DomainError(code, "why")]) {
      expect(error.reason).toMatch(/^[a-z]+ .* .*\w$/);
      if (code.includes("_")) expect(error.reason).not.toContain(code);
      expect(printable(error.reason)).toBe(error.reason);
    }
    expect(new DomainError(code, "why").reason).toEndWith(": why");
  }
});

test("routes of our own answer problem documents", async () => {
  for (const code of domainErrorCodes) {
    const response = answerProblem(new DomainError(code, "why"), silentLog, request);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    const document = (await response.json()) as { title: string };
    expect(document).toMatchObject({
      type: "about:blank",
      status: response.status,
      detail: new DomainError(code, "why").reason,
    });
    expect(document.title).not.toBe("Error");
  }
  expect(answerProblem(new DomainError("storage_full"), silentLog, request).status).toBe(507);
});

test("a fault of ours is logged, and its text goes nowhere else", async () => {
  const lines: unknown[] = [];
  const log: Log = { ...silentLog, error: (message, fields) => void lines.push([message, fields]) };
  const fault = new Error("secret path /var/lib");
  for (const response of [answerDocumented(words.messages, fault, log, request), answerProblem(fault, log, request)]) {
    expect(response.status).toBe(500);
    expect(`${await response.text()}${JSON.stringify([...response.headers])}`).not.toContain("secret");
  }
  expect(lines).toEqual(Array(2).fill(["a REST request failed", { ...request, error: fault }]));
});

test("whatever a detail says, it is one line of a header", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (detail) => {
      expect(printable(detail)).toMatch(/^[\x20-\x7e]{0,200}$/);
      const response = answerDocumented(words.messages, new Refusal(badRequest, detail), silentLog, request);
      expect(response.status).toBe(400);
    }),
  );
});
