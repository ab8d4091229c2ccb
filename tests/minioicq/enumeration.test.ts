/**
 * Every action of the catalog, each field left out and each field of every type, before login and after: one answer,
 * and the connection serves the next request.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { withDeadline } from "../support/deadline.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { actionNames } from "./action-names.ts";
import { catalog, type Entry, type Stage, unasked, type Value, values } from "./catalog.ts";
import { type Action, encodings, MiniClient, newUser } from "./client.ts";

const entries = Object.entries(catalog);
/** None of them counts as too many, or as too often. */
const env = { ROOST_LOGIN_FAILURES_PER_MINUTE: "100000", ROOST_LOGIN_FAILURES_PER_ACCOUNT_HOUR: "100000" };

test("the catalog has every action there is", () => {
  expect(Object.keys(catalog).sort()).toEqual([...actionNames].sort());
});

/** `at` set to `value`, or taken out where that is undefined. */
function changed(request: Readonly<Record<string, unknown>>, at: string, value: unknown): Record<string, unknown> {
  const [key = "", ...rest] = at.split(".");
  const copy: Record<string, unknown> = { ...request };
  if (rest.length > 0) copy[key] = changed(request[key] as Record<string, unknown>, rest.join("."), value);
  else if (value === undefined) delete copy[key];
  else copy[key] = value;
  return copy;
}

/** The one answer, of whatever came for it. */
async function answerTo(client: MiniClient, action: string, request: object): Promise<Action> {
  client.say({ action, ...request });
  const got = await client.fence();
  const answers = got.filter((one) => one.action === catalog[action]?.answer || !unasked.has(one.action));
  expect<unknown>({ request, answers: answers.map((one) => one.action) }).toEqual({
    request,
    answers: [expect.any(String)],
  });
  return answers[0] as Action;
}

const failure = (action: string) => ({ action: `${action}.fail`, reason: expect.stringMatching(/^[A-Z].*[a-z_\d]$/) });

describe.each([...encodings])("in %s", (encoding) => {
  /** One for all tests: each makes users of its own. */
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ env });
  });
  afterAll(() => server[Symbol.asyncDispose]());

  async function open() {
    const me = await newUser(server.http, "Ann", encoding);
    const other = await newUser(server.http, "Bob", encoding);
    // While Bob is away no receipt of his comes among the answers.
    other.client[Symbol.dispose]();
    await other.client.closed;
    const spawn = await me.client.ask({ action: "chat.create", members: [other.id] });
    const stage: Stage = { me: me.id, other: other.id, chat: String(spawn["chat_id"]) };
    return { client: me.client, stage };
  }

  /** A request that is served, what it needs made beforehand. */
  async function goodRequest(entry: Entry, client: MiniClient, stage: Stage) {
    const prepared = (await entry.prepare?.(client, stage)) ?? stage;
    await client.fence();
    return entry.good(prepared);
  }

  const served = entries.filter((entry): entry is [string, Entry & { answer: string }] => {
    const [action, { answer }] = entry;
    return answer !== undefined && action !== "heartbeat";
  });

  test("a good request is served", async () => {
    const { client, stage } = await open();
    using _ = client;
    for (const [action, entry] of served) {
      const answer = await answerTo(client, action, await goodRequest(entry, client, stage));
      expect<unknown>({ action, got: answer.action }).toEqual({ action, got: entry.answer });
      await client.login(stage.me);
    }
  });

  test.each(served.filter(([, { fields }]) => Object.keys(fields).length > 0))(
    "%s is answered with each field missing, and with each of every type",
    async (action, entry) => {
      const { client, stage } = await open();
      using _ = client;
      for (const [field, { needed, takes }] of Object.entries(entry.fields)) {
        const good = await goodRequest(entry, client, stage);
        const without = await answerTo(client, action, changed(good, field, undefined));
        if (needed) expect<unknown>({ field, ...without }).toEqual({ field, ...failure(action) });
        else expect({ field, got: without.action }).toEqual({ field, got: entry.answer });
        for (const name of Object.keys(values) as Value[]) {
          if (name === "bytes" && encoding === "json") continue; // JSON has none.
          const good = await goodRequest(entry, client, stage);
          const answer = await answerTo(client, action, changed(good, field, values[name]));
          const { client_id: _echo, ...rest } = answer;
          const fails = !takes.includes(name) || answer.action !== entry.answer;
          if (fails) expect<unknown>({ field, name, ...rest }).toEqual({ field, name, ...failure(action) });
        }
      }
      // Whoever it is by now, the connection is as good as ever.
      expect(await client.login(stage.me)).toMatchObject({ action: "auth.login.success" });
      expect(await client.ask({ action: "user.get", user_id: stage.other })).toMatchObject({ action: "user.push" });
    },
  );

  test("before login each is refused by its name, or served", async () => {
    const { client, stage } = await open();
    using _ = client;
    for (const [action, entry] of entries) {
      using stranger = await MiniClient.connect(server.http, encoding);
      stranger.say({ action, ...entry.good(stage) });
      if (entry.closes !== undefined) {
        const { code } = await withDeadline("the close", stranger.closed);
        expect({ action, code, said: stranger.received }).toEqual({ action, code: entry.closes, said: [] });
      } else if (entry.beforeLogin === "refused") {
        expect<unknown>(await stranger.fence()).toEqual([{ action: `${action}.fail`, reason: "Not logged in" }]);
      } else if (action !== "heartbeat") {
        const got = (await stranger.fence()).map((one) => one.action).filter((one) => one !== "chat.spawn");
        expect({ action, got }).toEqual({ action, got: entry.answer === undefined ? [] : [entry.answer] });
      } else {
        expect(await stranger.next()).toEqual({ action: "heartbeat.ack" });
      }
    }
  });

  test("a field nobody asked for changes nothing", async () => {
    const { client, stage } = await open();
    using _ = client;
    for (const [action, entry] of served) {
      if (action === "auth.register") continue; // It would be somebody else.
      for (const extra of [{ x: 1 }, { constructor: [] }, { reason: "no" }, { [""]: { "": null } }]) {
        const good = await goodRequest(entry, client, stage);
        const answer = await answerTo(client, action, { ...good, ...extra });
        expect({ action, extra, got: answer.action }).toEqual({ action, extra, got: entry.answer });
      }
    }
  });
});
