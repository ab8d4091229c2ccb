/** GET /messages in the signed form with `wait`: what comes only to those who wait, and to whom nothing comes any more. */
import { expect, test } from "bun:test";
import { until } from "../support/deadline.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { call } from "./client.ts";
import { confirm, fetchSigned, type Signer, send, signatureOf, signers } from "./signing.ts";

async function twoWithNothingWaiting(server: TestServer): Promise<[Signer, Signer]> {
  const [anna, ben] = await signers(server, "team", "anna", "ben");
  if (anna === undefined || ben === undefined) throw new Error("two of them");
  const { info = [] } = await fetchSigned(server, anna);
  await confirm(server, anna, "delivered", ...info.map(({ messageID }) => messageID));
  return [anna, ben];
}

test("typing is told in info to who waits just then, without an id", async () => {
  await using server = await startTestServer();
  const [anna, ben] = await twoWithNothingWaiting(server);
  const waiting = fetchSigned(server, anna, "&wait=30");
  await until("anna to wait", () => server.hub.size().sinks > 0);
  expect((await call(server, "PUT /chats/team/typing", { as: ben.token })).status).toBe(200);
  const { timestamp, ...told } = await waiting;
  const person = { GUID: ben.guid, userID: "ben", displayName: "ben" };
  expect(told).toEqual({ info: [{ subType: "chat_typing", chatID: "team", messageGUIDList: [person] }] } as never);
  expect(Object.keys(await fetchSigned(server, anna))).toEqual(["timestamp"]);
});

test("a signed request that waits is told nothing more once its token has ended", async () => {
  await using server = await startTestServer();
  const [anna, ben] = await twoWithNothingWaiting(server);
  const now = String(Date.now());
  const waiting = call(server, `GET /messages?wait=30&timestamp=${now}&sign=${signatureOf(anna.key, now)}`, {
    as: anna.token,
  });
  await until("anna to wait", () => server.hub.size().sinks > 0);
  expect((await call(server, "DELETE /token", { as: anna.token })).status).toBe(200);
  await send(server, ben, { chatID: "team", clientHash: "h", to: { [anna.guid]: "too late" } });
  const { status, text, type } = await waiting;
  expect([status, text, type]).toEqual([401, '{"error":"Bad token"}', "application/json"]);
});
