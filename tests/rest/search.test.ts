/** GET /search (docs/protocols/rest.md § Receive messages). */
import { expect, test } from "bun:test";
import { startTestServer } from "../support/server.ts";
import { call, enroll, room, say } from "./client.ts";

interface Found {
  readonly messages: readonly { readonly content: string; readonly chatID: string; readonly message_id: string }[];
  readonly next: string | null;
}

test("members find messages by words, page by page; others find none", async () => {
  await using server = await startTestServer();
  const [anna = "", ben = "", eve = ""] = await enroll(server, "anna", "ben", "eve");
  await room(server, "team", "anna", "ben");
  await room(server, "other", "anna");
  for (let count = 1; count <= 5; count += 1) await say(server, anna, "team", `Straße ${count}`);
  await say(server, anna, "other", "Straßenbahn");
  const search = async (as: string, query: string): Promise<Found> => {
    const answer = await call(server, `GET /search?${query}`, { as });
    expect([answer.status, answer.type]).toEqual([200, "application/json"]);
    return JSON.parse(answer.text) as Found;
  };
  const texts = ({ messages }: Found) => messages.map(({ content }) => content);
  expect(texts(await search(anna, "query=STRASSE&limit=2"))).toEqual(["Straßenbahn", "Straße 5"]);
  expect(texts(await search(ben, "query=strasse&limit=2"))).toEqual(["Straße 5", "Straße 4"]);
  expect(await search(eve, "query=strasse")).toEqual({ messages: [], next: null });
  const seen: string[] = [];
  let next: string | null = "";
  while (next !== null) {
    const page: Found = await search(ben, `query=stra%C3%9Fe&limit=2&before=${next}`);
    seen.push(...texts(page));
    next = page.next;
  }
  expect(seen).toEqual([5, 4, 3, 2, 1].map((count) => `Straße ${count}`));
  expect(texts(await search(anna, "query=strasse&chatID=other"))).toEqual(["Straßenbahn"]);
  expect(texts(await search(anna, "query=strasse&limit=999999"))).toHaveLength(6);
});

test.each([
  ["no query", "", 400, "query"],
  ["an empty query", "query=", 400, "query"],
  ["signs alone", `query=${encodeURIComponent('" OR( * ^ -').replace("OR", "")}`, 400, "no letter or digit"],
  ["a query of 257 characters", `query=${"x".repeat(257)}`, 400, "query"],
  ["half a surrogate pair", "query=%ED%A0%80", 400, "no letter or digit"],
  ["a limit below one", "query=x&limit=0", 400, "limit"],
  ["a negative limit", "query=x&limit=-5", 400, "limit"],
  ["a place that is none", "query=x&before=abc", 400, "before"],
  ["a chat that does not exist", "query=x&chatID=nowhere", 404, "there is no such chat, or the user is not in it"],
  ["a chat of others", "query=x&chatID=theirs", 404, "there is no such chat, or the user is not in it"],
  ["a chatID that is none", "query=x&chatID=a%2Fb", 400, "chatID"],
])("%s is refused, and says why", async (_, query, status, detail) => {
  await using server = await startTestServer();
  const [anna = ""] = await enroll(server, "anna", "ben");
  await room(server, "theirs", "ben");
  const answer = await call(server, `GET /search?${query}`, { as: anna });
  expect([answer.status, answer.type]).toEqual([status, "application/problem+json"]);
  expect(JSON.parse(answer.text).detail).toContain(detail);
});

test("a query of operators finds what has these words", async () => {
  await using server = await startTestServer();
  const [anna = ""] = await enroll(server, "anna");
  await room(server, "team", "anna");
  await say(server, anna, "team", "salt or pepper, near (2)");
  const query = encodeURIComponent('" OR NEAR( * ^ - 2');
  const answer = await call(server, `GET /search?query=${query}`, { as: anna });
  expect(JSON.parse(answer.text).messages).toHaveLength(1);
});

test("where search is off, the answer is 403", async () => {
  await using server = await startTestServer({ env: { ROOST_SEARCH: "off" } });
  const [anna = ""] = await enroll(server, "anna");
  const answer = await call(server, "GET /search?query=x", { as: anna });
  expect([answer.status, JSON.parse(answer.text).error]).toEqual([403, "Search is off"]);
});
