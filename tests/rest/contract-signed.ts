/** The calls of the contract that need who signs: the signed form, keys, and a server that asks for both. */
import { startTestServer, type TestServer } from "../support/server.ts";
import { type Answer, asBackend, call, enroll, room } from "./client.ts";
import type { Keep } from "./contract.ts";
import { keyPair, outgoing, type Signer, send, signatureOf, signers } from "./signing.ts";

const hourAgo = () => String(Date.now() - 3_600_000);

export async function gatherSigned(keep: Keep): Promise<void> {
  await using server = await startTestServer({ env: { ROOST_REST_REQUIRE_SIGNATURE: "true" } });
  const [anna, ben] = await signers(server, "team", "anna", "ben");
  if (anna === undefined || ben === undefined) throw new Error("two of them");
  const [carla = ""] = await enroll(server, "carla");
  await room(server, "team", "carla");
  await users(server, anna.guid, keep);
  const postAs = async (by: Signer, events: object, key = by.key) => {
    const text = JSON.stringify(events);
    const body = `{"outgoingEvents":${text},"sign":"${signatureOf(key, text)}"}`;
    keep("POST /messages", await call(server, "POST /messages", { as: by.token, body }));
  };
  const fetchAs = async (by: Signer, query = ""): Promise<Answer> => {
    const timestamp = String(Date.now());
    const signed = `timestamp=${timestamp}&sign=${signatureOf(by.key, timestamp)}`;
    const answer = await call(server, `GET /messages?${signed}${query}`, { as: by.token });
    keep("GET /messages", answer);
    return answer;
  };
  const message = { chatID: "team", clientHash: "h1", to: { [ben.guid]: "hello" } };
  const messageID = await send(server, anna, message);
  const [edit] = outgoing([{ ...message, clientHash: "h2", to: { [ben.guid]: "better" } }]).messages;
  await postAs(anna, { ...outgoing([]), messages: [{ ...edit, oldMessageID: messageID }] });
  const { incomingEvents } = JSON.parse((await fetchAs(ben)).text);
  const status = { messageID: incomingEvents.messages[0].messageID, clientHash: "s1", messageStatus: "delivered" };
  await postAs(ben, outgoing([], [status]));
  await fetchAs(anna);
  await fetchAs(anna, "&wait=x");
  for (const [events, key] of [
    [outgoing([]), ben.key],
    [{ ...outgoing([]), timestamp: hourAgo() }, anna.key],
    [outgoing([{ ...message, chatID: "nowhere" }]), anna.key],
  ] as const) {
    await postAs(anna, events, key);
  }
  const old = hourAgo();
  const late = `GET /messages?timestamp=${old}&sign=${signatureOf(anna.key, old)}`;
  keep("GET /messages", await call(server, late, { as: anna.token }));
  // The others are for those who have no key.
  const simple = { chatID: "team", content: "unsigned" };
  keep("POST /messages", await call(server, "POST /messages", { as: anna.token, body: simple }));
  keep("GET /messages", await call(server, "GET /messages?format=simple", { as: anna.token }));
  keep("GET /chats/{chatID}/messages", await call(server, "GET /chats/team/messages", { as: anna.token }));
  for (const [operation, request, body] of [
    ["GET /chats/{chatID}/changes", "GET /chats/team/changes", undefined],
    ["GET /messages/{messageID}/receipts", "GET /messages/1/receipts", undefined],
    ["PATCH /messages/{messageID}", "PATCH /messages/1", { content: "x" }],
    ["DELETE /messages/{messageID}", "DELETE /messages/1", undefined],
    ["PUT /messages/{messageID}/reactions/{reaction}", "PUT /messages/1/reactions/x", undefined],
    ["DELETE /messages/{messageID}/reactions/{reaction}", "DELETE /messages/1/reactions/x", undefined],
  ] as const) {
    keep(operation, await call(server, request, { as: anna.token, body }));
  }
  keep("GET /search", await call(server, "GET /search?query=hello", { as: anna.token }));
  keep("POST /_/files", await call(server, "POST /_/files", { as: anna.token, body: "abc" }));
  keep("POST /_/session", await call(server, "POST /_/session", { as: anna.token }));
  for (const method of ["GET", "HEAD", "PATCH", "DELETE"]) {
    const answer = await call(server, `${method} /_/files/up_${"0".repeat(32)}`, { as: anna.token });
    keep(`${method} /_/files/{file}`, answer);
  }
  await statusInSimpleForm({ server, by: ben, carla, keep });
  keep("POST /messages", await asBackend(server, "POST /messages", { ...simple, sender: "system" }));
}

/** Who has no key may mix the forms: of what she sent in one she is told in the other. */
async function statusInSimpleForm(parts: { server: TestServer; by: Signer; carla: string; keep: Keep }): Promise<void> {
  const { server, by, carla, keep } = parts;
  const events = outgoing([{ chatID: "team", clientHash: "h", to: { [by.guid]: "hello" } }]);
  const sent = await call(server, "POST /messages", { as: carla, body: { outgoingEvents: events } });
  keep("POST /messages", sent);
  const { messageID } = JSON.parse(sent.text).outgoingEventsResult.messages[0];
  const text = JSON.stringify(outgoing([], [{ messageID, clientHash: "s2", messageStatus: "read" }]));
  const body = `{"outgoingEvents":${text},"sign":"${signatureOf(by.key, text)}"}`;
  await call(server, "POST /messages", { as: by.token, body });
  keep("GET /messages", await call(server, "GET /messages?format=simple", { as: carla }));
}

/** A user with a name, a key and a device, seen by that user and by the backend; then the user is deactivated. */
async function users(server: TestServer, guid: string, keep: Keep): Promise<void> {
  const userKey = keyPair().publicKey.export({ type: "spki", format: "der" }).toString("hex");
  const made = await asBackend(server, "POST /token", [
    { userID: "dora", displayName: "Dora D.", userKey },
    { userID: "dora", clientID: "phone", userKey },
  ]);
  keep("POST /token", made);
  const [{ accessToken }] = JSON.parse(made.text);
  const [dora = ""] = await room(server, "second", "dora");
  for (const as of [accessToken, server.backendKey]) {
    keep("GET /users/{GUID}", await call(server, `GET /users/${dora}`, { as }));
    keep("GET /users/{GUID}", await call(server, `GET /users/${guid}`, { as }));
  }
  keep("DELETE /users/{GUID}", await asBackend(server, `DELETE /users/${dora}`));
}
