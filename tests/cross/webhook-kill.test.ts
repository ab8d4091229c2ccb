/**
 * kill -9 of the executable while messages are sent with idempotency keys and told to a webhook: sent again with the same
 * keys each is there once, with the answer it was given before, and the webhook hears all of them in order.
 */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { asBackend, call, enroll, room } from "../rest/client.ts";
import { withDeadline } from "../support/deadline.ts";
import { eventually, startReceiver, wordOf } from "../webhooks/receiver.ts";
import { startBinary } from "./binary-server.ts";

const chats = ["one", "two", "three"];
const perChat = 120;

test("no message is said twice and none is kept from the webhook, wherever the server is killed", async () => {
  const folder = mkdtempSync(join(tmpdir(), "roost-webhook-kill-"));
  const env = { ROOST_WEBHOOKS_HOSTS: "127.0.0.1", ROOST_WEBHOOKS_NETWORKS: "127.0.0.1" };
  const start = () => startBinary(join(folder, "data"), { env });
  using receiver = startReceiver();
  let server = await start();
  try {
    const [anna = ""] = await enroll(server, "anna");
    for (const chatID of chats) await room(server, chatID, "anna");
    await asBackend(server, "PUT /webhooks/w", { url: receiver.url, events: ["message"] });
    const answers = new Map<string, string>();
    /** Gives up at the first request that is not answered; what was answered before must be answered the same. */
    const sendAll = async (chatID: string): Promise<boolean> => {
      for (let index = 0; index < perChat; index += 1) {
        const key = `${chatID}-${index}`;
        const body = { chatID, content: key };
        const sent = await call(server, "POST /messages", {
          as: anna,
          body,
          headers: { "Idempotency-Key": key },
        }).catch(() => undefined);
        if (sent === undefined) return false;
        expect([key, sent.status]).toEqual([key, 200]);
        expect(sent.text).toBe(answers.get(key) ?? sent.text);
        answers.set(key, sent.text);
      }
      return true;
    };
    for (const killedAt of [40, 150, 290]) {
      const before = answers.size;
      const sending = Promise.all(chats.map(sendAll));
      await eventually("some answers", async () => answers.size >= killedAt);
      process.kill(server.pid, "SIGKILL");
      await withDeadline("the killed server to end", server.exited);
      expect((await sending).every((all) => !all)).toBe(true);
      expect(answers.size).toBeGreaterThan(before);
      await server[Symbol.asyncDispose]();
      server = await start();
    }
    expect(await Promise.all(chats.map(sendAll))).toEqual([true, true, true]);
    for (const chatID of chats) {
      const wanted = Array.from({ length: perChat }, (_, index) => `${chatID}-${index}`);
      const said: string[] = [];
      for (let after: number | null = 0; after !== null; ) {
        const page = await call(server, `GET /chats/${chatID}/messages?limit=100&after_seq=${after}`, { as: anna });
        const { messages, next } = JSON.parse(page.text) as { messages: { content: string }[]; next: number | null };
        said.push(...messages.map(({ content }) => content));
        after = next;
      }
      expect(said).toEqual(wanted);
      await eventually(`the webhook hears all of ${chatID}`, async () => {
        return new Set(receiver.taken.map(wordOf).filter((word) => word.startsWith(`${chatID}-`))).size === perChat;
      });
      // What a crash repeated aside, each was first heard in its turn.
      const heard = receiver.taken.map(wordOf).filter((word) => word.startsWith(`${chatID}-`));
      expect([...new Set(heard)]).toEqual(wanted);
    }
  } finally {
    await server[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  }
}, 90_000);
