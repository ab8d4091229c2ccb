/** Whatever is sent in the place of a signed batch, a stream or a token is answered in the documents' words, never with 500. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { startTestServer } from "../support/server.ts";
import { asBackend, call, enroll, room } from "./client.ts";

const known = [
  "timestamp",
  "messages",
  "statuses",
  "chatID",
  "clientHash",
  "messageBlock",
  "messageText",
  "recipient",
  "messageID",
  "messageStatus",
  "oldMessageID",
  "outgoingEvents",
  "sign",
  "refreshToken",
  "userID",
  "userKey",
  "__proto__",
] as const;
const leaf = fc.oneof(
  fc.constantFrom("team", "delivered", "1", "e1", String(Date.now()), "00", null, true, -1, 0, 1e15, 2 ** 53),
  fc.string({ unit: "binary", maxLength: 8 }),
);
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    leaf,
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(...known), tie("value"), { maxKeys: 5 }),
  ),
}));
const batch = fc.record({ outgoingEvents: value, sign: value }, { requiredKeys: ["outgoingEvents"] });

test("hostile bodies", async () => {
  await using server = await startTestServer({
    env: { ROOST_DURABILITY: "os", ROOST_LOGIN_FAILURES_PER_MINUTE: "100000" },
  });
  const [anna = ""] = await enroll(server, "anna");
  await room(server, "team", "anna");
  const seen = new Set<number>();
  await fc.assert(
    fc.asyncProperty(fc.oneof(batch, value), fc.nat(400), async (body, cut) => {
      const text = JSON.stringify(body) ?? "";
      for (const sent of [text, text.slice(0, cut)]) {
        const answers = [
          await call(server, "POST /messages", { as: anna, body: sent }),
          await call(server, "PUT /token", { body: sent }),
          await call(server, "DELETE /token", { body: sent }),
          await call(server, `GET /messages?timestamp=${encodeURIComponent(sent.slice(0, 40).toWellFormed())}&sign=x`, {
            as: anna,
          }),
        ];
        for (const { status, text: said, type } of answers) {
          seen.add(status);
          expect([sent, status < 500, type?.endsWith("json")]).toEqual([sent, true, true]);
          if (status !== 200) expect(Object.keys(JSON.parse(said))).toContain("error");
        }
        const stream = await call(server, "POST /token", {
          as: server.backendKey,
          headers: { "Content-Type": "application/x-ndjson" },
          body: sent.replaceAll(",", "\n"),
        });
        expect(stream.status).toBe(200);
        for (const line of stream.text.split("\n").slice(0, -1)) expect([201, 400]).toContain(JSON.parse(line).status);
      }
    }),
    { numRuns: Number(process.env["ROOST_FUZZ_RUNS"] ?? 60) },
  );
  expect([...seen].sort()).toEqual(expect.arrayContaining([400, 401, 403]));
  // It still works.
  const good = await call(server, "POST /messages", {
    as: anna,
    body: { outgoingEvents: { timestamp: String(Date.now()) } },
  });
  expect([good.status, (await asBackend(server, "GET /chats/team/users")).status]).toEqual([200, 200]);
}, 120_000);
