/**
 * Every action as it is asked by nobody in particular, by a member and by somebody else, with each of its outcomes: the
 * exact fields of the answer, and no more of them. A new action's rows go into `answers/`.
 */
import { describe, expect, test } from "bun:test";
import { withDeadline } from "../support/deadline.ts";
import { startTestServer } from "../support/server.ts";
import { actionNames } from "./action-names.ts";
import { rowsBeyond } from "./answers/beyond.ts";
import { documentRows } from "./answers/document.ts";
import { eve, message, type Outcome, type Row } from "./answers/row.ts";
import type { Stage } from "./catalog.ts";
import { type Action, encodings, MiniClient, newUser } from "./client.ts";

const rows = { ...documentRows, ...rowsBeyond };

test("there are rows for every action", () => {
  expect(
    Object.keys(rows)
      .filter((action) => action !== "error")
      .sort(),
  ).toEqual([...actionNames].sort());
});

describe.each([...encodings])("in %s", (encoding) => {
  async function open() {
    const server = await startTestServer({
      env: {
        ROOST_LIMITS_MESSAGE_BYTES: "50000",
        ROOST_LOGIN_FAILURES_PER_MINUTE: "1000",
        ROOST_LOGIN_FAILURES_PER_ACCOUNT_HOUR: "1000",
      },
    });
    const ann = await newUser(server.http, "Ann", encoding);
    const bob = await newUser(server.http, "Bob", encoding);
    const last = await newUser(server.http, "Eve", encoding);
    expect(last.id).toBe(eve);
    // While Bob is away no receipt of his comes among the answers.
    bob.client[Symbol.dispose]();
    await bob.client.closed;
    const { chat_id: chat } = await ann.client.ask({ action: "chat.create", members: [bob.id], name: "Ours" });
    ann.client.send(chat, "hello", { ...message, client_id: "before" });
    await ann.client.fence();
    const stage: Stage = { me: ann.id, other: bob.id, chat: String(chat) };
    const open: Readonly<Record<State, () => Promise<MiniClient>>> = {
      nobody: () => MiniClient.connect(server.http, encoding),
      ann: () => login(ann.id),
      eve: () => login(eve),
    };
    async function login(userId: string): Promise<MiniClient> {
      const client = await MiniClient.connect(server.http, encoding);
      await client.login(userId);
      return client;
    }
    const clients = { nobody: await open.nobody(), ann: ann.client, eve: last.client };
    return { server, stage, open, clients };
  }

  async function outcomeOf(client: MiniClient, request: Readonly<Record<string, unknown>>): Promise<Outcome> {
    client.say(request);
    if (request["action"] === "heartbeat") return [await client.next()];
    if (request["action"] !== "auth.logout") return (await client.fence()).map(withoutExtras);
    return { closes: (await withDeadline("the close", client.closed)).code };
  }

  test.each(Object.entries(rows))("%s", async (action, cases) => {
    const { server, stage, open: again, clients } = await open();
    await using _ = server;
    for (const { what, ask, nobody, ann, eve = ann } of cases) {
      for (const [state, outcome] of Object.entries({ nobody, ann, eve }) as [State, Row["ann"]][]) {
        // After a login the connection is somebody else's.
        const client = action.startsWith("auth.") ? await again[state]() : clients[state];
        const expected = typeof outcome === "function" ? outcome(stage) : outcome;
        const got = await outcomeOf(client, ask(stage));
        expect<unknown>({ what, state, got }).toEqual({ what, state, got: expected });
        if (client !== clients[state]) client[Symbol.dispose]();
      }
    }
  });
});

type State = "nobody" | "ann" | "eve";

/** Without what `user.sync` says to the desktop client alone (docs/protocols/minioicq.md § user.sync). */
function withoutExtras(frame: Action): Action {
  if (frame.action !== "user.sync") return frame;
  const { chats: _chats, messages: _messages, ...rest } = frame;
  return rest;
}
