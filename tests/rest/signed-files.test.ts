/** Large content in the signed form, which has no word for a file: it comes whole. Texts per recipient never are files. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { startTestServer, type TestServer } from "../support/server.ts";
import { asBackend, call, inboxOf } from "./client.ts";
import { confirm, fetchSigned, type Signer, send, signers, textsOf } from "./signing.ts";

const kib = 1024;

async function two(server: TestServer): Promise<[Signer, Signer]> {
  const [anna, ben] = await signers(server, "team", "anna", "ben");
  if (anna === undefined || ben === undefined) throw new Error("two signers");
  return [anna, ben];
}

const base64 = (bytes: number, seed: number): string =>
  Buffer.from(Uint8Array.from({ length: bytes }, (_, at) => (at * 7 + seed) & 0xff)).toString("base64");

/** In the simple form. */
async function sayLarge(server: TestServer, sender: string, content: string): Promise<void> {
  const body = { sender, chatID: "team", type: "image", content, encoding: "base64" };
  expect((await asBackend(server, "POST /messages", body)).status).toBe(200);
}

const lengths = (texts: readonly string[]): number[] => texts.map(({ length }) => length);

test("a file is whole in messageText, and a page ends before it is too large", async () => {
  await using server = await startTestServer();
  const [anna, ben] = await two(server);
  const said = [100 * kib, 1200 * kib, 1100 * kib, 600 * kib].map(base64);
  for (const content of said) await sayLarge(server, "anna", content);
  // One's own are left out, files or not.
  await sayLarge(server, "ben", base64(700 * kib, 9));
  const first = await fetchSigned(server, ben);
  // Looked at by length first: a difference of megabytes is no use to anybody.
  expect(lengths(textsOf(first))).toEqual(lengths(said.slice(0, 3)));
  expect(textsOf(first).every((text, at) => text === said[at])).toBe(true);
  const ids = (first.messages ?? []).map(({ messageID }) => messageID);
  await confirm(server, ben, "delivered", ...ids);
  const rest = await fetchSigned(server, ben);
  expect(textsOf(rest).length === 1 && textsOf(rest)[0] === said[3]).toBe(true);
  expect(lengths(textsOf(await fetchSigned(server, anna)))).toEqual([base64(700 * kib, 9).length]);
});

test("long texts for each recipient, and what replaces them, stay in the database", async () => {
  await using server = await startTestServer();
  const [anna, ben] = await two(server);
  const [before, after] = ["a", "b"].map((letter) => letter.repeat(300 * kib)) as [string, string];
  const oldMessageID = await send(server, anna, { chatID: "team", clientHash: "h1", to: { [ben.guid]: before } });
  const replacing = { chatID: "team", clientHash: "h2", to: { [ben.guid]: after }, oldMessageID };
  await send(server, anna, replacing);
  const texts = textsOf(await fetchSigned(server, ben));
  expect(texts.length === 1 && texts[0] === after).toBe(true);
  expect(existsSync(join(server.dataDir, "files"))).toBe(false);
});

test("R22: with rest.require_signature who has a key is refused the file by itself, who has none is given it", async () => {
  await using server = await startTestServer({ env: { ROOST_REST_REQUIRE_SIGNATURE: "true" } });
  const [, ben] = await two(server);
  const made = await asBackend(server, "POST /token", { userID: "carl" });
  const { accessToken: carl } = JSON.parse(made.text) as { accessToken: string };
  await asBackend(server, "PUT /chats/team/users", { users: ["carl"] });
  const content = base64(100 * kib, 1);
  await sayLarge(server, "anna", content);
  const [shown] = (await inboxOf(server, carl)).messages as unknown as { file: { url: string } }[];
  const url = shown?.file.url ?? "";
  expect((await call(server, `GET ${url}`, { as: ben.token })).status).toBe(403);
  const given = await fetch(`http://${server.http}${url}`, { headers: { Authorization: carl } });
  expect([given.status, Buffer.from(await given.bytes()).toString("base64") === content]).toEqual([200, true]);
  expect(textsOf(await fetchSigned(server, ben))[0] === content).toBe(true);
});
