/**
 * POST and GET /messages in the signed form: every status of docs/protocols/rest-signed.md § Sending, and the
 * resolutions R by their numbers.
 */
import { describe, expect, test } from "bun:test";
import { generateKeyPairSync, sign } from "node:crypto";
import { createManualClock } from "../support/manual-clock.ts";
import { startTestServer } from "../support/server.ts";
import { type Answer, asBackend, call, enroll, inboxOf, prefixes, room, say } from "./client.ts";
import {
  confirm,
  fetchSigned,
  isFromServer,
  keyPair,
  outgoing,
  post,
  type Signer,
  send,
  signatureOf,
  signers,
  textsOf,
} from "./signing.ts";

type Server = Awaited<ReturnType<typeof startTestServer>>;

const said = ({ status, text, type }: Answer) => [status, text, type];
const no = (status: number, error: string) => [status, JSON.stringify({ error }), "application/json"];
const badToken = no(401, "Bad token");
const badRequest = no(400, "Bad request");
const badSignature = no(403, "Bad signature");
const timeConflict = no(409, "Time conflict");
const notFound = no(404, "ChatID not found");

async function two(server: Server): Promise<[Signer, Signer]> {
  const [anna, ben] = await signers(server, "team", "anna", "ben");
  if (anna === undefined || ben === undefined) throw new Error("two signers");
  return [anna, ben];
}

/** Sends a body as text with the sender's token. */
const postText = (server: Server, { token }: Signer, body: string): Promise<Answer> =>
  call(server, "POST /messages", { headers: { Authorization: token }, body });

describe("POST /messages", () => {
  test("R31, R35: 200, the result, signed by the server, to the letter, under every prefix", async () => {
    await using server = await startTestServer();
    const [anna, ben] = await two(server);
    for (const [at, prefix] of prefixes.entries()) {
      const events = JSON.stringify(
        outgoing([{ chatID: "team", clientHash: `h${at}`, to: { [ben.guid]: `text ${at}` } }]),
      );
      const answer = await call(server, `POST ${prefix}/messages`, {
        headers: { Authorization: anna.token },
        body: `{"outgoingEvents":${events},"sign":"${signatureOf(anna.key, events)}"}`,
      });
      expect([answer.status, answer.type]).toEqual([200, "application/json"]);
      const { outgoingEventsResult, sign: replySign } = JSON.parse(answer.text);
      const { serverTime, messageID } = outgoingEventsResult.messages[0];
      const result = JSON.stringify({ messages: [{ clientHash: `h${at}`, serverTime, messageID }], statuses: [] });
      expect(answer.text).toBe(`{"outgoingEventsResult":${result},"sign":"${replySign}"}`);
      expect([typeof serverTime, typeof messageID]).toEqual(["string", "string"]);
      expect(serverTime).toMatch(/^\d{13}$/);
      // Ids are decimal strings (R31).
      expect(messageID).toMatch(/^\d+$/);
      // What is signed is the text of the result (R35).
      expect(await isFromServer(server, result, replySign)).toBe(true);
      expect(await isFromServer(server, result.replace("statuses", "Statuses"), replySign)).toBe(false);
    }
    expect(textsOf(await fetchSigned(server, ben))).toEqual(prefixes.map((_, at) => `text ${at}`));
  });

  test("R28: errors come in the documents' words and order: 401, 400, 403, 409, 404", async () => {
    await using server = await startTestServer();
    const [anna, ben] = await two(server);
    const to = { [ben.guid]: "x" };
    const old = String(Date.now() - 301_000);
    // Each body has its own fault and all the later ones.
    const nowhere = { ...outgoing([{ chatID: "nowhere", clientHash: "h", to }]) };
    const late = { ...nowhere, timestamp: old };
    expect(said(await post(server, anna, nowhere))).toEqual(notFound);
    expect(said(await post(server, anna, late))).toEqual(timeConflict);
    const wrong = { outgoingEvents: late, sign: signatureOf(anna.key, "something else") };
    expect(said(await postText(server, anna, JSON.stringify(wrong)))).toEqual(badSignature);
    const { timestamp: _, ...shapeless } = wrong.outgoingEvents;
    const bad = JSON.stringify({ outgoingEvents: shapeless, sign: wrong.sign });
    expect(said(await postText(server, anna, bad))).toEqual(badRequest);
    expect(said(await postText(server, { ...anna, token: "ra_nobody" }, bad))).toEqual(badToken);
    expect(said(await call(server, "POST /messages", { body: bad }))).toEqual(badToken);
  });

  test("400: every field that is missing or of another shape, and nothing of the batch is applied", async () => {
    await using server = await startTestServer();
    const [anna, ben] = await two(server);
    const message = {
      chatID: "team",
      clientHash: "h",
      timestamp: String(Date.now()),
      messageBlock: [{ messageText: "x", recipient: ben.guid }],
    };
    const status = { messageID: "1", clientHash: "s", messageStatus: "delivered" };
    const without = (object: object, name: string) =>
      Object.fromEntries(Object.entries(object).filter(([key]) => key !== name));
    const messages = [
      ...Object.keys(message).map((name) => without(message, name)),
      { ...message, chatID: "a b" },
      { ...message, clientHash: "" },
      { ...message, clientHash: "x".repeat(257) },
      { ...message, timestamp: "soon" },
      { ...message, messageBlock: [] },
      { ...message, messageBlock: {} },
      { ...message, messageBlock: [{ messageText: "x" }] },
      { ...message, messageBlock: [{ recipient: ben.guid }] },
      { ...message, messageBlock: [{ messageText: 5, recipient: ben.guid }] },
      { ...message, messageBlock: [...message.messageBlock, ...message.messageBlock] },
    ].map((faulty) => ({ messages: [{ ...message, clientHash: "good" }, faulty] }));
    const statuses = [
      ...Object.keys(status).map((name) => without(status, name)),
      { ...status, messageStatus: "seen" },
      { ...status, messageID: "" },
      { ...status, messageID: -1 },
    ].map((faulty) => ({ messages: [message], statuses: [status, faulty] }));
    for (const faulty of [...messages, ...statuses]) {
      const events = { timestamp: String(Date.now()), ...faulty };
      const answer = await post(server, anna, events);
      expect([JSON.stringify(faulty), said(answer)]).toEqual([JSON.stringify(faulty), badRequest]);
      expect(answer.headers.get("x-error-detail")).toMatch(/^[\x20-\x7e]{1,200}$/);
    }
    for (const body of ["", "{", "[]", '"x"', '{"outgoingEvents":5}', '{"outgoingEvents":{},"outgoingEvents":{}}']) {
      expect([body, (await postText(server, anna, body)).status]).toEqual([body, 400]);
    }
    expect((await fetchSigned(server, ben)).messages).toBeUndefined();
  });

  test("R21: the text is verified as it was sent; other spellings of the same value and base64 will do", async () => {
    await using server = await startTestServer();
    const [anna, ben] = await two(server);
    await confirm(server, ben, "delivered", (await fetchSigned(server, ben)).info?.[0]?.messageID ?? "");
    let count = 0;
    const fresh = () =>
      outgoing([{ chatID: "team", clientHash: `h${++count}`, to: { [ben.guid]: `ü "${count}" \\ /` } }]);
    const sorted = (value: unknown): unknown =>
      Array.isArray(value)
        ? value.map(sorted)
        : typeof value === "object" && value !== null
          ? Object.fromEntries(
              Object.entries(value)
                .sort()
                .map(([name, inner]) => [name, sorted(inner)]),
            )
          : value;
    const spelled: [string, (events: object) => { sent: string; signed: string }][] = [
      ["compact", (events) => ({ sent: JSON.stringify(events), signed: JSON.stringify(events) })],
      [
        "spaced, as sent",
        (events) => ({ sent: JSON.stringify(events, null, 2), signed: JSON.stringify(events, null, 2) }),
      ],
      [
        "spaced, signed compact",
        (events) => ({ sent: JSON.stringify(events, null, "\t"), signed: JSON.stringify(events) }),
      ],
      [
        "signed with sorted keys",
        (events) => ({ sent: JSON.stringify(events), signed: JSON.stringify(sorted(events)) }),
      ],
      [
        "escaped, as sent",
        (events) => {
          const sent = JSON.stringify(events).replaceAll("ü", "\\u00fc").replaceAll("/", "\\/");
          return { sent, signed: sent };
        },
      ],
    ];
    for (const [name, spell] of spelled) {
      for (const encoding of ["hex", "base64"] as const) {
        const { sent, signed } = spell(fresh());
        const signature = sign("sha256", Buffer.from(signed), anna.key).toString(encoding);
        const body = ` { "sign" : "${signature}" , "other" : [1,{"outgoingEvents":{}}] , "outgoing\\u0045vents" : ${sent} } `;
        const answer = await postText(server, anna, body);
        expect([name, encoding, answer.status, answer.headers.get("x-error-detail")]).toEqual([
          name,
          encoding,
          200,
          null,
        ]);
      }
    }
    expect(textsOf(await fetchSigned(server, ben))).toHaveLength(10);
  });

  test("R21: whatever is changed after signing is refused: a value, a key, a time, the signature", async () => {
    await using server = await startTestServer();
    const [anna, ben] = await two(server);
    const events = JSON.stringify(outgoing([{ chatID: "team", clientHash: "hash", to: { [ben.guid]: "text" } }]));
    const signature = signatureOf(anna.key, events);
    const changes: [string, string][] = [
      [events.replace('"hash"', '"hasj"'), signature],
      [events.replace('"text"', '"Text"'), signature],
      [events.replace(/"timestamp":"(\d+)"/, (_, time) => `"timestamp":"${Number(time) + 1}"`), signature],
      [events.replace('"team"', '"tean"'), signature],
      [events.replace('{"timestamp"', '{"more":1,"timestamp"'), signature],
      [events.replace(ben.guid, anna.guid), signature],
      [events, signature.replace(/^./, (digit) => (digit === "0" ? "1" : "0"))],
      [events, signature.slice(2)],
      [events, `${signature}00`],
      [events, "zz".repeat(256)],
      [events, signatureOf(ben.key, events)],
    ];
    for (const [text, changed] of changes) {
      const answer = await postText(server, anna, `{"outgoingEvents":${text},"sign":"${changed}"}`);
      expect([text, changed, ...said(answer)]).toEqual([text, changed, ...badSignature]);
    }
    expect((await postText(server, anna, `{"outgoingEvents":${events},"sign":"${signature}"}`)).status).toBe(200);
    expect(textsOf(await fetchSigned(server, ben))).toEqual(["text"]);
  });

  test("R22: sign is required of who has a key, and of nobody else; a device's own key counts for its token", async () => {
    await using server = await startTestServer();
    const [anna, ben] = await two(server);
    const unsigned = (clientHash: string) =>
      JSON.stringify({ outgoingEvents: outgoing([{ chatID: "team", clientHash, to: { [anna.guid]: "x" } }]) });
    expect(said(await postText(server, ben, unsigned("1")))).toEqual(badSignature);
    const [carl = ""] = await enroll(server, "carl");
    await room(server, "team", "carl");
    const keyless = { ...ben, token: carl };
    expect((await postText(server, keyless, unsigned("1"))).status).toBe(200);
    expect(said(await post(server, keyless, outgoing([])))).toEqual(badSignature);
    const device = keyPair();
    const made = await asBackend(server, "POST /token", {
      userID: "ben",
      clientID: "phone",
      userKey: device.publicKey.export({ type: "spki", format: "der" }).toString("base64"),
    });
    const { accessToken } = JSON.parse(made.text);
    const batch = () => outgoing([{ chatID: "team", clientHash: crypto.randomUUID(), to: { [anna.guid]: "x" } }]);
    expect((await post(server, { ...ben, token: accessToken, key: device.privateKey }, batch())).status).toBe(200);
    expect(said(await post(server, { ...ben, token: accessToken }, batch()))).toEqual(badSignature);
  });

  test("R22: rest.require_signature refuses the unsigned forms of who has a key", async () => {
    await using server = await startTestServer({ env: { ROOST_REST_REQUIRE_SIGNATURE: "true" } });
    const [anna, ben] = await two(server);
    const [carl = ""] = await enroll(server, "carl");
    await room(server, "team", "carl");
    for (const [request, body] of [
      ["POST /messages", { chatID: "team", content: "x" }],
      ["GET /messages?format=simple", undefined],
      ["GET /messages", undefined],
    ] as const) {
      expect([request, said(await call(server, request, { as: anna.token, body }))]).toEqual([request, badSignature]);
      expect((await call(server, request, { as: carl, body })).status).toBe(200);
    }
    expect((await call(server, "GET /chats/team/messages", { as: anna.token })).status).toBe(403);
    await send(server, anna, { chatID: "team", clientHash: "h", to: { [ben.guid]: "signed" } });
    expect(textsOf(await fetchSigned(server, ben))).toContain("signed");
  });

  test("R23, R37: the batch's time may be five minutes off, in seconds or milliseconds; the messages' own are information", async () => {
    const clock = createManualClock();
    await using server = await startTestServer({ clock });
    const [anna, ben] = await two(server);
    const now = clock.nowMs();
    let count = 0;
    const at = (timestamp: unknown) =>
      post(server, anna, {
        timestamp,
        messages: [
          {
            chatID: "team",
            clientHash: `h${++count}`,
            timestamp: "1",
            messageBlock: [{ messageText: "x", recipient: ben.guid }],
          },
        ],
      });
    for (const time of [now, now - 300_000, now + 300_000, now / 1000 - 300, now / 1000 + 300]) {
      expect([time, (await at(String(time))).status]).toEqual([time, 200]);
      expect([time, (await at(time)).status]).toEqual([time, 200]);
    }
    for (const time of [now - 300_001, now + 300_001, now / 1000 - 301, now / 1000 + 301, 0]) {
      expect([time, said(await at(String(time)))]).toEqual([time, timeConflict]);
    }
  });

  test("R24: 500 is for faults of ours alone, without a word of them", async () => {
    await using server = await startTestServer();
    const [anna] = await two(server);
    const fail = () => Promise.reject(new Error("a secret of ours"));
    Object.assign(server.domain.store, { exchange: fail, provision: fail, rotateToken: fail, lastMessageId: fail });
    const fault = no(500, "Internal server error");
    for (const answer of [
      await post(server, anna, outgoing([])),
      await asBackend(server, "POST /token", { userID: "zoe" }),
      await call(server, "PUT /token", { body: { refreshToken: "rr_x" } }),
      await call(server, "GET /messages", { as: anna.token }),
    ]) {
      expect([said(answer), answer.headers.get("x-error-detail")]).toEqual([
        fault,
        "a fault of the server; its log says more",
      ]);
    }
    const stream = await call(server, "POST /token", {
      as: server.backendKey,
      headers: { "Content-Type": "application/x-ndjson" },
      body: '{"userID":"zoe"}',
    });
    expect(JSON.parse(stream.text)).toEqual({
      userID: "zoe",
      status: 500,
      error: "Internal server error",
      detail: "a fault of the server; its log says more",
    });
  });

  test("R24: what is the client's fault is never 500", async () => {
    await using server = await startTestServer();
    const [anna] = await two(server);
    const deep = `{"outgoingEvents":${"[".repeat(40)}${"]".repeat(40)}}`;
    for (const body of ["{", deep, '{"outgoingEvents":null}', '{"outgoingEvents":{"timestamp":"\\ud800"}}', "\u0000"]) {
      expect([body, (await postText(server, anna, body)).status]).toEqual([body, 400]);
    }
  });

  test("R27: a chat that is gone, or was left, is 404; what waited for who was removed is dropped", async () => {
    await using server = await startTestServer();
    const [anna, ben, carl] = await signers(server, "team", "anna", "ben", "carl");
    if (anna === undefined || ben === undefined || carl === undefined) throw new Error("three signers");
    await send(server, anna, { chatID: "team", clientHash: "h1", to: { [ben.guid]: "waits", [carl.guid]: "waits" } });
    await asBackend(server, "DELETE /chats/team/users", { users: ["ben"] });
    const message = (clientHash: string, guid: string) =>
      outgoing([{ chatID: "team", clientHash, to: { [guid]: "x" } }]);
    expect(textsOf(await fetchSigned(server, ben))).toEqual([]);
    expect(said(await post(server, ben, message("h2", anna.guid)))).toEqual(notFound);
    expect(said(await post(server, anna, message("h2", ben.guid)))).toEqual(notFound);
    expect(said(await post(server, anna, message("h2", crypto.randomUUID())))).toEqual(notFound);
    expect(textsOf(await fetchSigned(server, carl))).toEqual(["waits"]);
    await asBackend(server, "DELETE /chats/team");
    expect(textsOf(await fetchSigned(server, carl))).toEqual([]);
    expect(said(await post(server, anna, message("h3", carl.guid)))).toEqual(notFound);
  });

  test("404 in any message of a batch, and none of it is applied, its statuses neither", async () => {
    await using server = await startTestServer();
    const [anna, ben] = await two(server);
    const id = await send(server, anna, { chatID: "team", clientHash: "h1", to: { [ben.guid]: "first" } });
    const batch = outgoing(
      [
        { chatID: "team", clientHash: "h2", to: { [anna.guid]: "never" } },
        { chatID: "nowhere", clientHash: "h3", to: { [anna.guid]: "never" } },
      ],
      [{ messageID: id, clientHash: "s", messageStatus: "delivered" }],
    );
    expect(said(await post(server, ben, batch))).toEqual(notFound);
    expect(textsOf(await fetchSigned(server, ben))).toEqual(["first"]);
    const { messages, statuses } = await fetchSigned(server, anna);
    expect([messages, statuses]).toEqual([undefined, undefined]);
  });

  test("the same clientHash of the same sender is the same message, within a batch too and after a restart", async () => {
    await using before = await startTestServer();
    const [anna, ben] = await two(before);
    const message = { chatID: "team", clientHash: "h", to: { [ben.guid]: "once" } };
    const first = await post(before, anna, outgoing([message, message]));
    const [one, other] = JSON.parse(first.text).outgoingEventsResult.messages;
    expect(other).toEqual(one);
    await using server = await before.restart();
    const again = await post(server, anna, outgoing([{ ...message, to: { [ben.guid]: "changed" } }]));
    expect(JSON.parse(again.text).outgoingEventsResult.messages).toEqual([one]);
    expect(textsOf(await fetchSigned(server, ben))).toEqual(["once"]);
    // Another sender's is another message.
    await send(server, ben, { ...message, to: { [anna.guid]: "ben's" } });
    expect(textsOf(await fetchSigned(server, anna))).toEqual(["ben's"]);
  });
});

test("oldMessageID replaces a message: who has it not fetched is given the new one alone, at every door", async () => {
  await using server = await startTestServer();
  const [anna, ben, carl] = await signers(server, "team", "anna", "ben", "carl");
  if (anna === undefined || ben === undefined || carl === undefined) throw new Error("three signers");
  const to = { [ben.guid]: "tpyo", [carl.guid]: "tpyo" };
  const old = await send(server, anna, { chatID: "team", clientHash: "h1", to });
  await confirm(server, ben, "delivered", old);
  const edit = (clientHash: string, oldMessageID: unknown, from = anna, chatID = "team") =>
    post(server, from, {
      timestamp: String(Date.now()),
      messages: [
        {
          chatID,
          clientHash,
          timestamp: String(Date.now()),
          messageBlock: [
            { messageText: "typo", recipient: carl.guid },
            { messageText: "typo!", recipient: from === ben ? anna.guid : ben.guid },
          ],
          oldMessageID,
        },
      ],
    });
  // Another sender's is 403, an unknown one 404, as is one of another chat or of the simple form.
  await room(server, "other", "anna", "ben", "carl");
  await say(server, anna.token, "team", "simple");
  const { message_id: simple } = JSON.parse((await call(server, "GET /chats/team/messages", { as: ben.token })).text)
    .messages[1];
  expect(said(await edit("e1", old, ben))).toEqual(badSignature);
  expect(said(await edit("e1", old, anna, "other"))).toEqual(notFound);
  const unknownIds = ["999999", simple, "e1", "x", `1700000000000_${"0af9".repeat(8)}`];
  for (const unknown of unknownIds) expect(said(await edit("e1", unknown))).toEqual(notFound);
  for (const bad of ["", {}, -1, null]) expect([bad, (await edit("e1", bad)).status]).toEqual([bad, 400]);
  expect(textsOf(await fetchSigned(server, carl))).toEqual(["tpyo", "simple"]);

  const edited = await edit("e1", old);
  expect(edited.status).toBe(200);
  const { messageID } = JSON.parse(edited.text).outgoingEventsResult.messages[0];
  // Sent again, it is the same edit.
  expect(JSON.parse((await edit("e1", Number(old))).text).outgoingEventsResult).toEqual(
    JSON.parse(edited.text).outgoingEventsResult,
  );
  expect((await fetchSigned(server, ben)).messages).toMatchObject([
    { messageText: "simple" },
    { messageID, messageText: "typo!", oldMessageID: old },
  ]);
  expect((await fetchSigned(server, carl)).messages).toMatchObject([
    { messageText: "simple" },
    { messageID, messageText: "typo", oldMessageID: old },
  ]);
  expect((await inboxOf(server, carl.token)).messages.map(({ content }) => content)).toEqual(["simple", "typo"]);
  const history = await call(server, "GET /chats/team/messages", { as: carl.token });
  expect(history.text).not.toContain("tpyo");
});

describe("GET /messages", () => {
  test("R36: messages, statuses and info, each confirmed by its id; what there is none of is left out", async () => {
    await using server = await startTestServer();
    const [anna, ben] = await two(server);
    const entered = await fetchSigned(server, anna);
    expect(Object.keys(entered)).toEqual(["timestamp", "info"]);
    expect(entered.info).toEqual([
      {
        messageID: expect.stringMatching(/^e\d+$/),
        subType: "chat_enter",
        chatID: "team",
        messageGUIDList: [
          { GUID: anna.guid, userID: "anna", displayName: "anna" },
          { GUID: ben.guid, userID: "ben", displayName: "ben" },
        ],
      },
    ]);
    for (const by of [anna, ben]) {
      await confirm(server, by, "delivered", (await fetchSigned(server, by)).info?.[0]?.messageID ?? "");
      expect(Object.keys(await fetchSigned(server, by))).toEqual(["timestamp"]);
    }
    const id = await send(server, anna, { chatID: "team", clientHash: "h", to: { [ben.guid]: "hello" } });
    const waiting = await fetchSigned(server, ben);
    expect(Object.keys(waiting)).toEqual(["timestamp", "messages"]);
    expect(waiting.messages).toEqual([
      {
        messageID: id,
        sender: anna.guid,
        messageText: "hello",
        serverTime: expect.stringMatching(/^\d{13}$/),
        chatID: "team",
        recipientList: [ben.guid],
      },
    ]);
    // Reading consumes nothing; saying it was read neither.
    await confirm(server, ben, "read", id);
    expect(textsOf(await fetchSigned(server, ben))).toEqual(["hello"]);
    await confirm(server, ben, "delivered", id);
    expect(Object.keys(await fetchSigned(server, ben))).toEqual(["timestamp"]);
    // Said again, it tells nobody again; nor does what is unknown.
    await confirm(server, ben, "delivered", `1700000000000_${"0af9".repeat(8)}`, id);
    await confirm(server, ben, "read", id);
    const told = await fetchSigned(server, anna);
    expect(Object.keys(told)).toEqual(["timestamp", "statuses"]);
    expect(told.statuses).toEqual(
      ["read", "delivered"].map((type) => ({
        type,
        messageID: expect.stringMatching(/^e\d+$/),
        messageIDStatus: id,
        recipient: ben.guid,
      })),
    );
    await confirm(server, anna, "delivered", ...(told.statuses ?? []).map(({ messageID }) => messageID));
    expect(Object.keys(await fetchSigned(server, anna))).toEqual(["timestamp"]);
    await asBackend(server, "DELETE /chats/team/users", { users: ["ben"] });
    for (const by of [anna, ben]) {
      expect((await fetchSigned(server, by)).info).toMatchObject([
        { subType: "chat_leave", chatID: "team", messageGUIDList: [{ GUID: ben.guid }] },
      ]);
    }
  });

  test("at most ten, the oldest first, until they are confirmed, in whatever order that is", async () => {
    await using server = await startTestServer();
    const [anna, ben] = await two(server);
    await confirm(server, ben, "delivered", (await fetchSigned(server, ben)).info?.[0]?.messageID ?? "");
    const batch = Array.from({ length: 25 }, (_, at) => ({
      chatID: "team",
      clientHash: `h${at}`,
      to: { [ben.guid]: `text ${at}` },
    }));
    const posted = await post(server, anna, outgoing(batch));
    const ids = JSON.parse(posted.text).outgoingEventsResult.messages.map(
      ({ messageID }: { messageID: string }) => messageID,
    );
    const texts = batch.map((_, at) => `text ${at}`);
    expect(textsOf(await fetchSigned(server, ben))).toEqual(texts.slice(0, 10));
    expect(textsOf(await fetchSigned(server, ben))).toEqual(texts.slice(0, 10));
    // All but the first: it is not lost.
    await confirm(server, ben, "delivered", ...ids.slice(1, 10).reverse());
    expect(textsOf(await fetchSigned(server, ben))).toEqual([texts[0] ?? "", ...texts.slice(10, 19)]);
    await confirm(server, ben, "delivered", ids[20], ids[0]);
    expect(textsOf(await fetchSigned(server, ben))).toEqual([...texts.slice(10, 20)]);
    await confirm(server, ben, "delivered", ...ids.slice(10, 20));
    expect(textsOf(await fetchSigned(server, ben))).toEqual(texts.slice(21));
    await using after = await server.restart();
    expect(textsOf(await fetchSigned(after, ben))).toEqual(texts.slice(21));
  });

  test("R22, R23: 401, then 403, then 409", async () => {
    await using server = await startTestServer();
    const [anna] = await two(server);
    const get = (query: string, token = anna.token) =>
      call(server, `GET /messages${query}`, { headers: { Authorization: token } });
    const now = String(Date.now());
    const old = String(Date.now() - 301_000);
    const signedBy = (text: string) => signatureOf(anna.key, text);
    expect((await get("")).status).toBe(200);
    expect((await get(`?timestamp=${now}&sign=${signedBy(now)}`)).status).toBe(200);
    // R21: with JSON's quotes too, and in base64.
    expect((await get(`?timestamp=${now}&sign=${signedBy(`"${now}"`)}`)).status).toBe(200);
    const base64 = encodeURIComponent(sign("sha256", Buffer.from(now), anna.key).toString("base64"));
    expect((await get(`?timestamp=${now}&sign=${base64}`)).status).toBe(200);
    for (const query of [
      `?timestamp=${now}`,
      `?sign=${signedBy(now)}`,
      `?timestamp=${now}&sign=${signedBy(old)}`,
      `?timestamp=${old}&sign=${signedBy(now)}`,
      `?timestamp=soon&sign=${signedBy("soon")}`,
      `?timestamp=&sign=${signedBy("")}`,
    ]) {
      expect([query, said(await get(query))]).toEqual([query, badSignature]);
    }
    expect(said(await get(`?timestamp=${old}&sign=${signedBy(old)}`))).toEqual(timeConflict);
    expect(said(await get(`?timestamp=${old}&sign=${signedBy(now)}`, "ra_nobody"))).toEqual(badToken);
  });

  test("waits for a message when asked to", async () => {
    await using server = await startTestServer();
    const [anna, ben] = await two(server);
    await confirm(server, ben, "delivered", (await fetchSigned(server, ben)).info?.[0]?.messageID ?? "");
    const waiting = fetchSigned(server, ben, "&wait=30");
    await send(server, anna, { chatID: "team", clientHash: "h", to: { [ben.guid]: "now" } });
    expect(textsOf(await waiting)).toEqual(["now"]);
  });

  test("what others said in the simple form is there too", async () => {
    await using server = await startTestServer();
    const [anna, ben] = await two(server);
    await say(server, anna.token, "team", "simple");
    const { messages } = await fetchSigned(server, ben);
    expect(messages).toMatchObject([{ sender: anna.guid, messageText: "simple", recipientList: [ben.guid] }]);
    await confirm(server, ben, "delivered", messages?.[0]?.messageID ?? "");
    expect((await inboxOf(server, ben.token)).messages).toEqual([]);
    // Of what was not sent in the signed form no status is stored: who asks is told by `receipts`.
    expect((await fetchSigned(server, anna)).statuses).toBeUndefined();
  });

  test("R35: GET /publicKey is the same after a restart", async () => {
    await using before = await startTestServer();
    const key = await call(before, "GET /publicKey");
    expect(key.text).toMatch(/^\{"publicKey":"[0-9A-F]{588}","algorithm":"RSA-SHA256"\}$/);
    await using server = await before.restart();
    expect((await call(server, "GET /api/v3/publicKey")).text).toBe(key.text);
  });
});

test("R17: a GUID is a user's own, the same after leaving and coming back; a device's is another", async () => {
  await using server = await startTestServer();
  const [anna, ben] = await two(server);
  await asBackend(server, "DELETE /chats/team/users", { users: ["ben"] });
  expect(await room(server, "team", "ben")).toEqual([ben.guid]);
  const phone = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const made = await asBackend(server, "POST /token", {
    userID: "ben",
    clientID: "phone",
    userKey: phone.publicKey.export({ type: "spki", format: "der" }).toString("hex"),
  });
  const onPhone = { ...ben, token: JSON.parse(made.text).accessToken, key: phone.privateKey };
  const { user } = JSON.parse((await call(server, `GET /users/${ben.guid}`, { as: anna.token })).text);
  const phoneGuid: string = user.devices[0].GUID;
  expect(phoneGuid).not.toBe(ben.guid);
  await send(server, anna, { chatID: "team", clientHash: "1", to: { [phoneGuid]: "to the phone" } });
  await send(server, anna, { chatID: "team", clientHash: "2", to: { [ben.guid]: "to all" } });
  const both = { [ben.guid]: "to the others", [phoneGuid]: "to the phone too" };
  await send(server, anna, { chatID: "team", clientHash: "3", to: both });
  expect(textsOf(await fetchSigned(server, ben))).toEqual(["to all", "to the others"]);
  const atPhone = await fetchSigned(server, onPhone);
  expect(textsOf(atPhone)).toEqual(["to the phone", "to all", "to the phone too"]);
  // A status says the GUID the message was for.
  for (const { messageID } of atPhone.messages ?? []) await confirm(server, onPhone, "delivered", messageID);
  expect((await fetchSigned(server, anna)).statuses?.map(({ recipient }) => recipient)).toEqual([
    phoneGuid,
    ben.guid,
    phoneGuid,
  ]);
  expect(textsOf(await fetchSigned(server, onPhone))).toEqual([]);
});
