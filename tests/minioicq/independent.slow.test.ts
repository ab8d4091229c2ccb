/** A client that shares no line with us: Debian's python3-websockets with python3-msgpack, in both encodings, also compressed. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { LineProcess } from "../support/processes.ts";
import { pythonWith } from "../support/programs.ts";
import { startTestServer } from "../support/server.ts";
import { type Action, messagesOf } from "./client.ts";

const python = await pythonWith(["websockets", "msgpack"]);

class PythonClient implements AsyncDisposable {
  readonly #lines: LineProcess;

  constructor(http: string, encoding: "msgpack" | "json") {
    const script = join(import.meta.dir, "../cross/ws_client.py");
    this.#lines = new LineProcess([python ?? "python3", script, `ws://${http}/ws`, encoding]);
  }

  say(action: object): void {
    this.#lines.write(JSON.stringify(action));
  }

  async next(): Promise<Action> {
    return JSON.parse(await this.#lines.line("a frame")) as Action;
  }

  async ask(action: object): Promise<Action> {
    this.say(action);
    return this.next();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lines[Symbol.asyncDispose]();
  }
}

test.skipIf(python === undefined).each([
  ["msgpack", "off"],
  ["json", "off"],
  ["msgpack", "on"],
  ["json", "on"],
] as const)("people talk in %s with compression %s", async (encoding, compression) => {
  await using server = await startTestServer({ env: { ROOST_WS_COMPRESSION: compression } });
  await using ann = new PythonClient(server.http, encoding);
  await using bob = new PythonClient(server.http, encoding === "json" ? "msgpack" : "json");
  const registered = await ann.ask({ action: "auth.register", user_name: "Ann 🦆", password: "pä55" });
  expect(registered).toMatchObject({ action: "auth.register.success", user_name: "Ann 🦆", password: "pä55" });
  const annId = registered["user_id"];
  const bobId = (await bob.ask({ action: "auth.register", user_name: "Bob", password: "secret" }))["user_id"];
  expect([typeof annId, typeof bobId]).toEqual(["string", "string"]);
  const said = [
    [ann, bobId, "hello"],
    [bob, annId, `grüße\u0000${"ü".repeat(4000)}`],
    [ann, bobId, "👩‍👩‍👧"],
  ] as const;
  const heard: string[][] = [[], []];
  for (const [from, to, content] of said) {
    from.say({
      action: "message.send",
      message: { chat_id: to, type: "text", content, client_id: content.slice(0, 5) },
    });
    for (const [n, client] of [ann, bob].entries()) {
      let frame = await client.next();
      if (frame.action === "chat.spawn") frame = await client.next();
      expect(frame.action).toBe("message.push");
      heard[n]?.push(...messagesOf(frame).map((message) => message.content));
    }
  }
  const contents = said.map(([, , content]) => content);
  expect(heard).toEqual([contents, contents]);
  for (const [client, other] of [
    [ann, bobId],
    [bob, annId],
  ] as const) {
    const history = await client.ask({ action: "message.get", user_id: other, start: "", end: "" });
    expect(messagesOf(history).map((message) => message.content)).toEqual(contents);
  }
  ann.say({ action: "auth.logout" });
  expect<unknown>(await ann.next()).toEqual({ closed: 1000 });
  await using again = new PythonClient(server.http, encoding);
  const wrong = await again.ask({ action: "auth.login", user_id: annId, password: "pa55" });
  expect(wrong).toEqual({ action: "auth.login.fail", reason: "Incorrect password" });
  const right = await again.ask({ action: "auth.login", user_id: annId, password: "pä55" });
  expect({ ...right, action: "" }).toEqual({ ...registered, action: "" });
  expect(await again.ask({ action: "heartbeat" })).toEqual({ action: "heartbeat.ack" });
});
