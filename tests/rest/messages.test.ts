/** /messages in its simple form, and a chat's history (docs/protocols/rest.md § Send messages, § Receive messages). */
import { describe, expect, test } from "bun:test";
import { clockOf } from "../support/manual-clock.ts";
import { startTestServer } from "../support/server.ts";
import { type Answer, asBackend, call, enroll, inboxOf, people, prefixes, room, say } from "./client.ts";

const problem = (answer: Answer) => {
  expect(answer.type).toBe("application/problem+json");
  const document = JSON.parse(answer.text);
  expect(document).toMatchObject({ type: "about:blank", status: answer.status });
  expect(answer.headers.get("x-error-detail")).toMatch(/^[\x20-\x7e]{1,200}$/);
  return [answer.status, document.error];
};

describe("POST /messages", () => {
  test("answers with the message's place, under every prefix, and gives it to the others only", async () => {
    await using server = await startTestServer();
    const { alice, bob } = await people(server);
    for (const [index, prefix] of prefixes.entries()) {
      const answer = await call(server, `POST ${prefix}/messages`, {
        as: alice,
        body: { chatID: "team", content: `hello ${index}`, clientID: `c${index}` },
      });
      expect([answer.status, answer.type]).toEqual([200, "application/json"]);
      const sent = JSON.parse(answer.text);
      expect(Object.keys(sent)).toEqual(["message_id", "seq", "chat_id", "chatID", "time", "client_id"]);
      expect(sent).toMatchObject({ seq: index + 1, chatID: "team", client_id: `c${index}` });
    }
    const { messages } = await inboxOf(server, bob);
    expect(messages.map((message) => message.content)).toEqual(prefixes.map((_, index) => `hello ${index}`));
    expect(messages[0]).toMatchObject({ sender: "alice", chatID: "team", type: "text", seq: 1, client_id: "c0" });
    expect((await inboxOf(server, alice)).messages).toEqual([]);
  });

  test("an array is one change: in order, or not at all", async () => {
    await using server = await startTestServer();
    const { alice, bob } = await people(server);
    const answer = await call(server, "POST /messages", {
      as: alice,
      body: ["a", "b", "c"].map((content) => ({ chatID: "team", content })),
    });
    expect(JSON.parse(answer.text).map((sent: { seq: number }) => sent.seq)).toEqual([1, 2, 3]);
    const refused = await call(server, "POST /messages", {
      as: alice,
      body: [
        { chatID: "team", content: "d" },
        { chatID: "nowhere", content: "e" },
      ],
    });
    expect(problem(refused)).toEqual([404, "ChatID not found"]);
    expect((await inboxOf(server, bob)).messages.map((message) => message.content)).toEqual(["a", "b", "c"]);
  });

  test("the same client id again is the same message with the same answer, in arrays too", async () => {
    await using server = await startTestServer();
    const { alice, bob } = await people(server);
    const body = { chatID: "team", content: "once", clientID: "x1" };
    const first = await call(server, "POST /messages", { as: alice, body });
    const second = await call(server, "POST /messages", { as: alice, body: { ...body, content: "changed" } });
    const third = await call(server, "POST /messages", { as: alice, body: [body, body] });
    expect(second.text).toBe(first.text);
    expect(third.text).toBe(`[${first.text},${first.text}]`);
    // Another sender's client id is another message.
    await call(server, "POST /messages", { as: bob, body: { ...body, content: "bob's" } });
    expect((await inboxOf(server, bob)).messages.map((message) => message.content)).toEqual(["once"]);
    expect((await inboxOf(server, alice)).messages.map((message) => message.content)).toEqual(["bob's"]);
  });

  test("content comes back as it was sent", async () => {
    await using server = await startTestServer();
    const { alice, bob } = await people(server);
    const contents = ["", "ünï ✓ 😀", '"quotes" \\ and\n\t\u0000\u001f\u2028', "</script>", "x".repeat(200_000)];
    for (const content of contents) await say(server, alice, "team", content);
    await call(server, "POST /messages", {
      as: alice,
      body: { chatID: "team", type: "image/png", content: "AAH/", encoding: "base64" },
    });
    const { messages } = await inboxOf(server, bob);
    expect(messages.slice(0, -1).map((message) => message.content)).toEqual(contents);
    expect(messages.at(-1)).toMatchObject({ type: "image/png", content: "AAH/", encoding: "base64" });
  });

  test("says no in problem documents, which carry the documents' words", async () => {
    await using server = await startTestServer();
    const { alice } = await people(server);
    await room(server, "strangers", "carol");
    const table: [unknown, number, string][] = [
      [{}, 400, "Bad request"],
      [[], 400, "Bad request"],
      [{ chatID: "team" }, 400, "Bad request"],
      [{ chatID: "a/b", content: "x" }, 400, "Bad request"],
      [{ chatID: "team", content: 5 }, 400, "Bad request"],
      [{ chatID: "team", content: "x", type: "" }, 400, "Bad request"],
      [{ chatID: "team", content: "not base64!", encoding: "base64" }, 400, "Bad request"],
      ['{"chatID":"team","content":"\\ud800"}', 400, "Bad request"],
      [{ chatID: "nowhere", content: "x" }, 404, "ChatID not found"],
      [{ chatID: "strangers", content: "x" }, 404, "ChatID not found"],
      [{ chatID: "user.99999", content: "x" }, 404, "ChatID not found"],
      [{ chatID: "team", content: "x".repeat(1_048_577) }, 413, "Message too large"],
      [Array.from({ length: 1001 }, () => ({ chatID: "team", content: "x" })), 400, "Bad request"],
      [{ statuses: [] }, 400, "Bad request"],
      [{ statuses: [{ messageID: "1", messageStatus: "lost" }] }, 400, "Bad request"],
    ];
    for (const [body, status, error] of table) {
      const answer = await call(server, "POST /messages", { as: alice, body });
      expect([body, ...problem(answer)]).toEqual([body, status, error]);
    }
    // What has no form yet is answered as the documented route does.
    for (const body of ["", "{", "5", "null", '{"a":1,}']) {
      const answer = await call(server, "POST /messages", { as: alice, body });
      expect([body, answer.status, answer.text, answer.type]).toEqual([
        body,
        400,
        '{"error":"Bad request"}',
        "application/json",
      ]);
    }
  });

  test("the token may stand in a header, the query or the body; without a good one the answer is Bad token", async () => {
    await using server = await startTestServer();
    const { alice, bob } = await people(server);
    const body = { chatID: "team", content: "x" };
    const ways: [string, Parameters<typeof call>[2]][] = [
      ["", { as: alice, body }],
      ["", { headers: { Authorization: alice }, body }],
      ["", { headers: { "X-API-Key": alice }, body }],
      [`?accessToken=${encodeURIComponent(alice)}`, { body }],
      ["", { body: { ...body, accessToken: alice } }],
    ];
    for (const [query, options] of ways)
      expect((await call(server, `POST /messages${query}`, options)).status).toBe(200);
    expect((await inboxOf(server, bob)).messages).toBeArrayOfSize(ways.length);
    const wrong: [string, Parameters<typeof call>[2]][] = [
      ["", { body }],
      ["", { body: "{" }],
      ["", { as: "wrong", body }],
      ["?accessToken=wrong", { body }],
      ["", { body: { ...body, accessToken: ["no"] } }],
      ["", { as: "x".repeat(3000), body }],
    ];
    for (const [query, options] of wrong) {
      const answer = await call(server, `POST /messages${query}`, options);
      expect([query, options, answer.status, answer.text, answer.type]).toEqual([
        query,
        options,
        401,
        '{"error":"Bad token"}',
        "application/json",
      ]);
    }
  });
});

describe("GET /messages", () => {
  test("a cursor walks through all that waits without loss or repeat while others send", async () => {
    await using server = await startTestServer();
    const { alice, bob } = await people(server);
    const [carol = ""] = await enroll(server, "carol");
    await room(server, "other", "carol", "bob");
    const count = 40;
    const sending = (async () => {
      for (let index = 0; index < count; index += 1) {
        await Promise.all([
          say(server, alice, "team", `a${index}`),
          say(server, carol, "other", `c${index}`),
          say(server, bob, "team", "my own"),
        ]);
      }
    })();
    const got: string[] = [];
    const events: string[] = [];
    let after = "";
    while (got.length < 2 * count) {
      const page = await inboxOf(server, bob, `&limit=7&wait=20${after}`);
      expect(page.messages.length + page.events.length).toBeLessThanOrEqual(7);
      got.push(...page.messages.map((message) => message.content));
      events.push(...page.events.map((event) => event.chatID));
      after = `&after=${page.next}`;
    }
    await sending;
    expect(events.sort()).toEqual(["other", "team"]);
    for (const who of ["a", "c"]) {
      expect(got.filter((content) => content.startsWith(who))).toEqual(
        Array.from({ length: count }, (_, at) => `${who}${at}`),
      );
    }
    expect(await inboxOf(server, bob, after)).toMatchObject({ messages: [], events: [] });
  });

  test("does not consume; a status does, and the cursor of an emptied inbox still works", async () => {
    await using server = await startTestServer();
    const { alice, bob } = await people(server);
    for (const content of ["one", "two", "three"]) await say(server, alice, "team", content);
    const first = await inboxOf(server, bob);
    expect(await inboxOf(server, bob)).toEqual(first);
    const ids = [
      ...first.events.map((event) => event.event_id),
      first.messages[1]?.message_id ?? "",
      "e999999",
      "999999",
      `1700000000000_${"0af9".repeat(8)}`,
      "e",
    ];
    const answer = await call(server, "POST /messages", {
      as: bob,
      body: { statuses: ids.map((messageID) => ({ messageID, messageStatus: "delivered" })) },
    });
    expect([answer.status, answer.text]).toEqual([200, JSON.stringify({ statuses: ids })]);
    const left = await inboxOf(server, bob);
    expect([left.messages.map((message) => message.content), left.events]).toEqual([["three"], []]);
    await say(server, alice, "team", "four");
    const since = await inboxOf(server, bob, `&after=${first.next}`);
    expect(since.messages.map((message) => message.content)).toEqual(["four"]);
  });

  test("a message that was read, and one place in a chat, stand for everything before them", async () => {
    await using server = await startTestServer();
    const { alice, bob } = await people(server);
    const made = await asBackend(server, "POST /token", { userID: "bob", clientID: "phone" });
    const { accessToken: phone } = JSON.parse(made.text) as { accessToken: string };
    const ids: string[] = [];
    for (let n = 1; n <= 7; n += 1) {
      ids.push(JSON.parse((await say(server, alice, "team", String(n))).text).message_id);
    }
    const confirm = async (as: string, ...statuses: object[]) => {
      const answer = await call(server, "POST /messages", { as, body: { statuses } });
      return [answer.status, answer.text];
    };
    const place = async () => {
      const [chat] = JSON.parse((await call(server, "GET /chats", { as: bob })).text).chats;
      return [chat.delivered_seq, chat.read_seq];
    };
    const waiting = async (as: string) => (await inboxOf(server, as)).messages.map(({ content }) => content).join("");
    await confirm(bob, { messageID: ids[1], messageStatus: "read" }, { messageID: ids[2], messageStatus: "delivered" });
    expect([await place(), await waiting(bob), await waiting(phone)]).toEqual([[3, 2], "4567", "1234567"]);
    const through = { chatID: "team", through: 5 };
    expect(await confirm(phone, { ...through, messageStatus: "read" }, { ...through, messageStatus: "read" })).toEqual([
      200,
      JSON.stringify({ statuses: [through] }),
    ]);
    expect([await place(), await waiting(bob), await waiting(phone)]).toEqual([[5, 5], "67", "67"]);
    // What is unknown, and what was never sent, confirms nothing.
    const unknown = [{ chatID: "nowhere", through: 1 }, { chatID: "team", through: 8 }, through];
    expect(await confirm(bob, ...unknown.map((one) => ({ ...one, messageStatus: "delivered" })))).toEqual([
      200,
      JSON.stringify({ statuses: unknown }),
    ]);
    expect([await place(), await waiting(bob), await waiting(phone)]).toEqual([[5, 5], "67", "67"]);
    await confirm(bob, { chatID: "team", through: 6, messageStatus: "delivered" });
    expect([await place(), await waiting(bob), await waiting(phone)]).toEqual([[6, 5], "7", "67"]);
  });

  test("nobody confirms for somebody else", async () => {
    await using server = await startTestServer();
    const { alice, bob } = await people(server);
    const [mallory = ""] = await enroll(server, "mallory");
    await say(server, alice, "team", "one");
    const before = await inboxOf(server, bob);
    const statuses = [before.messages[0]?.message_id, before.events[0]?.event_id].map((messageID) => ({
      messageID,
      messageStatus: "delivered",
    }));
    expect((await call(server, "POST /messages", { as: mallory, body: { statuses } })).status).toBe(200);
    expect(await inboxOf(server, bob)).toEqual(before);
  });

  test("wait answers as soon as something comes, only for what comes after the cursor", async () => {
    await using server = await startTestServer();
    const { alice, bob } = await people(server);
    await say(server, alice, "team", "before");
    const { next } = await inboxOf(server, bob);
    const waiting = inboxOf(server, bob, `&wait=30&after=${next}`);
    await say(server, bob, "team", "my own");
    await say(server, alice, "team", "after");
    expect((await waiting).messages.map((message) => message.content)).toEqual(["after"]);
  });

  test("wait is woken by an event and ends with the time it was given", async () => {
    await using server = await startTestServer();
    const { bob } = await people(server);
    const { next } = await inboxOf(server, bob);
    const waiting = inboxOf(server, bob, `&wait=30&after=${next}`);
    await room(server, "second", "alice", "bob");
    const woken = await waiting;
    expect(woken.events.map((event) => [event.type, event.chatID])).toEqual([["chat_enter", "second"]]);
    const ended = await inboxOf(server, bob, `&wait=0.05&after=${woken.next}`);
    expect(ended).toMatchObject({ messages: [], events: [] });
  });

  test("a token that ends while its request waits is told nothing more", async () => {
    let nowMs = Date.now();
    await using server = await startTestServer({ clock: clockOf(() => nowMs) });
    const { bob } = await people(server);
    const { next } = await inboxOf(server, bob);
    const waiting = call(server, `GET /messages?format=simple&wait=30&after=${next}`, { as: bob });
    while (server.hub.size().sinks === 0) await call(server, "GET /version");
    nowMs += 25 * 3_600_000;
    const [alice = ""] = await enroll(server, "alice");
    await say(server, alice, "team", "not for an ended token");
    expect(problem(await waiting)).toEqual([401, "Bad token"]);
  });

  test("a client that goes while waiting leaves nothing behind", async () => {
    await using server = await startTestServer();
    const { alice, bob } = await people(server);
    const { next } = await inboxOf(server, bob);
    // More than one user may have waiting at once, one after the other.
    for (let index = 0; index < 40; index += 1) {
      const gone = new AbortController();
      const waiting = fetch(`http://${server.http}/messages?format=simple&wait=30&after=${next}`, {
        headers: { Authorization: bob },
        signal: gone.signal,
      });
      await call(server, "GET /version"); // a fence: the request is at the server
      gone.abort();
      await expect(waiting).rejects.toThrow();
      await call(server, "GET /version");
    }
    const waiting = inboxOf(server, bob, `&wait=30&after=${next}`);
    await say(server, alice, "team", "still here");
    expect((await waiting).messages).toMatchObject([{ content: "still here" }]);
  });

  test("stopping the server answers those who wait", async () => {
    const server = await startTestServer();
    const { bob } = await people(server);
    const { next } = await inboxOf(server, bob);
    const waiting = inboxOf(server, bob, `&wait=60&after=${next}`);
    await call(server, "GET /version");
    await server.stop();
    expect(await waiting).toMatchObject({ messages: [], events: [] });
  });

  test("who is added later sees what is said from then on", async () => {
    await using server = await startTestServer();
    const { alice } = await people(server);
    await say(server, alice, "team", "before");
    const [carol = ""] = await enroll(server, "carol");
    const { next } = await inboxOf(server, carol);
    await room(server, "team", "carol");
    await say(server, alice, "team", "after");
    for (const query of ["", `&after=${next}`]) {
      expect((await inboxOf(server, carol, query)).messages.map((message) => message.content)).toEqual(["after"]);
    }
  });

  test("refuses what it cannot read", async () => {
    await using server = await startTestServer();
    const { bob } = await people(server);
    for (const query of [
      "&after=x",
      "&after=%00",
      `&after=${"A".repeat(400)}`,
      "&wait=-1",
      "&wait=x",
      "&limit=0",
      "&limit=1.5",
    ]) {
      const answer = await call(server, `GET /messages?format=simple${query}`, { as: bob });
      expect([query, ...problem(answer)]).toEqual([query, 400, "Bad request"]);
    }
    const none = await call(server, "GET /messages?format=simple");
    expect([none.status, none.text, none.type]).toEqual([401, '{"error":"Bad token"}', "application/json"]);
  });
});

describe("GET /chats/{chatID}/messages", () => {
  const seqs = (answer: Answer): [number[], number | null] => {
    expect([answer.status, answer.type]).toEqual([200, "application/json"]);
    const { messages, next } = JSON.parse(answer.text);
    return [messages.map((message: { seq: number }) => message.seq), next];
  };
  const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => from + at);

  test("a page that large messages fill to the last byte goes on behind them", async () => {
    await using server = await startTestServer();
    const { alice, bob } = await people(server);
    const content = "x".repeat(32 * 1024);
    const body = range(1, 16).map(() => ({ chatID: "team", content }));
    for (let n = 0; n < 5; n += 1) await call(server, "POST /messages", { as: alice, body });
    const table: [string, number[], number | null][] = [
      ["?limit=100", range(17, 80), 17],
      ["?limit=100&before_seq=17", range(1, 16), null],
      ["?limit=100&after_seq=0", range(1, 64), 64],
      ["?limit=100&after_seq=16", range(17, 80), null],
    ];
    for (const [query, seqs, next] of table) {
      const { text } = await call(server, `GET /chats/team/messages${query}`, { as: bob });
      const page = JSON.parse(text) as { messages: { seq: number }[]; next: number | null };
      expect([query, page.messages.map(({ seq }) => seq), page.next]).toEqual([query, seqs, next]);
    }
  });

  test("pages both ways, ascending, next null at the end", async () => {
    await using server = await startTestServer();
    const { alice, bob } = await people(server);
    const body = range(1, 120).map((index) => ({ chatID: "team", content: `m${index}` }));
    await call(server, "POST /messages", { as: alice, body });
    const table: [string, number[], number | null][] = [
      ["", range(71, 120), 71],
      ["?before_seq=71", range(21, 70), 21],
      ["?before_seq=21", range(1, 20), null],
      ["?before_seq=51", range(1, 50), null],
      ["?before_seq=1", [], null],
      ["?limit=100", range(21, 120), 21],
      ["?limit=5000", range(21, 120), 21],
      ["?limit=2", [119, 120], 119],
      ["?after_seq=0", range(1, 50), 50],
      ["?after_seq=50", range(51, 100), 100],
      ["?after_seq=100", range(101, 120), null],
      ["?after_seq=70", range(71, 120), null],
      ["?after_seq=120", [], null],
      ["?after_seq=999999", [], null],
      ["?after_seq=10&before_seq=15", range(11, 14), null],
      ["?after_seq=10&before_seq=15&limit=2", [11, 12], 12],
      ["?after_seq=10&before_seq=13&limit=2", [11, 12], null],
      ["?after_seq=&limit=", range(71, 120), 71],
    ];
    for (const prefix of prefixes) {
      for (const [query, wanted, next] of table) {
        const answer = await call(server, `GET ${prefix}/chats/team/messages${query}`, { as: bob });
        expect([query, ...seqs(answer)]).toEqual([query, wanted, next]);
      }
    }
    const all = JSON.parse((await call(server, "GET /chats/team/messages?after_seq=0&limit=1", { as: bob })).text);
    expect(all.messages[0]).toMatchObject({ seq: 1, sender: "alice", chatID: "team", type: "text", content: "m1" });
    expect(all.messages[0].time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  test("a page read before is right after more was said, at either end and in between", async () => {
    await using server = await startTestServer();
    const { alice, bob } = await people(server);
    for (let said = 1; said <= 30; said += 1) {
      await say(server, alice, "team", `m${said}`);
      for (const [query, wanted] of [
        ["?limit=5", range(Math.max(1, said - 4), said)],
        ["?limit=5&before_seq=8", range(Math.max(1, Math.min(7, said) - 4), Math.min(7, said))],
        ["?limit=9&after_seq=3", said > 3 ? range(4, Math.min(12, said)) : []],
      ] as const) {
        const { messages } = JSON.parse((await call(server, `GET /chats/team/messages${query}`, { as: bob })).text);
        const got = messages.map((message: { seq: number; content: string }) => [message.seq, message.content]);
        expect([query, got]).toEqual([query, wanted.map((seq) => [seq, `m${seq}`])]);
      }
    }
  });

  test("is for members, by any name of the chat", async () => {
    await using server = await startTestServer();
    const { alice, bob } = await people(server);
    const [mallory = ""] = await enroll(server, "mallory");
    const sent = JSON.parse((await say(server, alice, "team", "hello")).text);
    expect(seqs(await call(server, `GET /chats/chat.${sent.chat_id}/messages`, { as: bob }))).toEqual([[1], null]);
    expect(problem(await call(server, "GET /chats/team/messages", { as: mallory }))).toEqual([404, "ChatID not found"]);
    expect(problem(await call(server, "GET /chats/nowhere/messages", { as: bob }))).toEqual([404, "ChatID not found"]);
    expect(problem(await call(server, "GET /chats/team/messages"))).toEqual([401, "Bad token"]);
    expect(problem(await call(server, "GET /chats/team/messages", { as: "wrong" }))).toEqual([401, "Bad token"]);
    await asBackend(server, "DELETE /chats/team/users", { users: ["bob"] });
    expect(problem(await call(server, "GET /chats/team/messages", { as: bob }))).toEqual([404, "ChatID not found"]);
  });

  test("refuses what it cannot read", async () => {
    await using server = await startTestServer();
    const { bob } = await people(server);
    for (const path of ["/chats/a%2Fb/messages", "/chats/%00/messages", "/chats//messages"]) {
      expect([path, ...problem(await call(server, `GET ${path}`, { as: bob }))]).toEqual([path, 400, "Invalid chatID"]);
    }
    for (const query of ["after_seq=-1", "before_seq=x", "limit=0", "limit=1e3", "after_seq=9999999999999999"]) {
      const answer = await call(server, `GET /chats/team/messages?${query}`, { as: bob });
      expect([query, ...problem(answer)]).toEqual([query, 400, "Bad request"]);
    }
  });

  test("a direct chat is made by the first word and found under the other's name", async () => {
    await using server = await startTestServer();
    const { alice, bob } = await people(server);
    const [hello] = JSON.parse((await call(server, "GET /chats/team/messages", { as: alice })).text).messages;
    expect(hello).toBeUndefined();
    const { sender_id: idOfAlice } = await (async () => {
      await say(server, alice, "team", "x");
      return JSON.parse((await call(server, "GET /chats/team/messages", { as: bob })).text).messages[0];
    })();
    const sent = JSON.parse((await say(server, bob, `user.${idOfAlice}`, "psst")).text);
    expect(sent.chatID).toMatch(/^direct\.\d+\.\d+$/);
    expect(seqs(await call(server, `GET /chats/${sent.chatID}/messages`, { as: alice }))).toEqual([[1], null]);
    expect(seqs(await call(server, `GET /chats/user.${idOfAlice}/messages`, { as: bob }))).toEqual([[1], null]);
  });
});
