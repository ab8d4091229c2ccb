/** POST /messages with the backend key: as a participant, or as the system. */
import { expect, test } from "bun:test";
import { startTestServer } from "../support/server.ts";
import { asBackend, call, enroll, inboxOf, room } from "./client.ts";

test("the backend sends as a participant or as the system, and never as nobody", async () => {
  await using server = await startTestServer();
  const [anna = "", ben = ""] = await enroll(server, "anna", "ben");
  const [annaGuid = ""] = await room(server, "team", "anna", "ben");
  const answer = await asBackend(server, "POST /messages", [
    { sender: "anna", chatID: "team", content: "by userID", clientID: "c1" },
    { sender: annaGuid.toUpperCase(), chatID: "team", content: "by GUID" },
    { sender: "system", chatID: "team", content: "by nobody in particular", type: "text" },
  ]);
  expect([answer.status, answer.type]).toEqual([200, "application/json"]);
  expect(JSON.parse(answer.text).map(({ seq }: { seq: number }) => seq)).toEqual([1, 2, 3]);
  const one = await asBackend(server, "POST /messages", {
    sender: "anna",
    chatID: "team",
    content: "x",
    clientID: "c1",
  });
  expect(one.text).toBe(JSON.stringify(JSON.parse(answer.text)[0]));
  expect((await inboxOf(server, ben)).messages.map(({ sender, content }) => [sender, content])).toEqual([
    ["anna", "by userID"],
    ["anna", "by GUID"],
    ["user.0", "by nobody in particular"],
  ]);
  expect((await inboxOf(server, anna)).messages.map(({ content }) => content)).toEqual(["by nobody in particular"]);
  const stored = await server.domain.messages.history(
    (await server.domain.store.findUserByKey("ben"))?.userId ?? (0 as never),
    {
      chat: { key: "team" },
      limit: 10,
    },
  );
  expect(stored.map(({ kind }) => kind)).toEqual(["text", "text", "system"]);

  const table: [unknown, number, string][] = [
    [{ chatID: "team", content: "x" }, 400, "Bad request"],
    [
      [
        { sender: "anna", chatID: "team", content: "x" },
        { chatID: "team", content: "x" },
      ],
      400,
      "Bad request",
    ],
    [{ sender: null, chatID: "team", content: "x" }, 400, "Bad request"],
    [{ sender: "", chatID: "team", content: "x" }, 400, "Bad request"],
    [{ sender: "zoe", chatID: "team", content: "x" }, 404, "User not found"],
    [{ sender: "system", chatID: "nowhere", content: "x" }, 404, "ChatID not found"],
    // The system has no direct chats: none is made by its first word.
    [{ sender: "system", chatID: "user.10001", content: "x" }, 404, "ChatID not found"],
  ];
  await enroll(server, "zed");
  await room(server, "others", "zed");
  table.push([{ sender: "anna", chatID: "others", content: "x" }, 404, "ChatID not found"]);
  const unsaid = await asBackend(server, "POST /messages", { chatID: "team", content: "x" });
  expect(JSON.parse(unsaid.text).detail).toContain("sender: with the backend key each message names one");
  for (const [body, status, error] of table) {
    const refused = await asBackend(server, "POST /messages", body);
    expect([body, refused.status, JSON.parse(refused.text).error]).toEqual([body, status, error]);
  }
  const asAnother = { sender: "ben", chatID: "team", content: "as Ben" };
  expect((await call(server, "POST /messages", { as: anna, body: asAnother })).status).toBe(400);
  expect((await call(server, "POST /messages", { as: anna, body: { chatID: "team", content: "own" } })).status).toBe(
    200,
  );
  expect((await inboxOf(server, ben)).messages.at(-1)).toMatchObject({ sender: "anna", content: "own" });
});
