/**
 * Ten clients that acknowledge, on lines that are delayed, stalled and cut at random, so that reconnects overlap: at the
 * end each one's log is the server's, chat by chat, without a gap or a repeat. `ROOST_TEST_SHAKY_SECONDS=60` shakes for
 * a minute, `ROOST_TEST_SEED` repeats a run.
 */
import { expect, test } from "bun:test";
import type { Message } from "../../src/domain/model.ts";
import { until } from "../support/deadline.ts";
import { createRandom } from "../support/random.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { startShakyProxy } from "../support/shaky-proxy.ts";
import { type ShakyAccount, ShakyClient } from "./shaky-client.ts";

const shakeMs = 1000 * Number(process.env["ROOST_TEST_SHAKY_SECONDS"] ?? 10);
const seed = Number(process.env["ROOST_TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const names = ["ann", "bob", "cat", "dan", "eve", "fay"];
const groups = 4;

test(
  "clients that acknowledge have the server's log, however often their lines break",
  async () => {
    console.log(`shaking ten clients for ${shakeMs} ms, seed ${seed}`);
    const random = createRandom(seed);
    await using server = await startTestServer();
    const people = await server.domain.accounts.provision(names.map((username) => ({ username })));
    const chatIds: string[] = [];
    const makeChat = async (): Promise<void> => {
      const members = people.map(({ user }) => user.userId);
      const owner = members[chatIds.length % members.length];
      if (owner === undefined) throw new Error("nobody is there");
      const entered = await server.domain.chats.create(owner, { members, name: `group ${chatIds.length}` });
      chatIds.push(String(entered.chat.chatId));
    };
    for (let n = 0; n < groups / 2; n += 1) await makeChat();
    using proxy = await startShakyProxy({ toPort: portOf(server.http), random });
    // Four users with two devices each, and two with one client that names none.
    const accounts = people.flatMap(({ user, accessToken }, index): ShakyAccount[] => {
      const account = { userId: String(user.userId), token: accessToken };
      if (index >= 4) return [{ ...account, deviceId: undefined, acks: index === 4 ? "plain" : "ids" }];
      return [
        { ...account, deviceId: "phone", acks: "plain" },
        { ...account, deviceId: "desk", acks: "ids" },
      ];
    });
    const clients = accounts.map((account) => new ShakyClient({ port: proxy.port, account, random }));
    using _clients = new DisposableStack();
    for (const client of clients) _clients.use(client);

    // What was said before a device first came is history to it.
    await until("everybody to come", () => clients.every((client) => client.chats.size >= chatIds.length), 20_000);

    const clientIds: string[] = [];
    const end = performance.now() + shakeMs;
    while (performance.now() < end) {
      const client = random.pick(clients);
      const known = [...client.chats];
      if (known.length > 0)
        clientIds.push(client.send(random.pick(known), `${client.account.userId} ${random.int(1e9)}`));
      if (random.chance(0.02)) random.pick(clients).moveOn();
      if (chatIds.length < groups && performance.now() > end - (shakeMs * (groups - chatIds.length)) / groups) {
        await makeChat();
      }
      await new Promise((resolve) => setTimeout(resolve, random.int(8)));
    }

    proxy.calm();
    await until("every send to be answered", () => clients.every((client) => client.unanswered === 0), 30_000);
    const logs = new Map<string, readonly Message[]>();
    for (const chatId of chatIds) logs.set(chatId, await wholeChat(server, Number(chatId)));
    const isComplete = (client: ShakyClient): boolean =>
      chatIds.every((chatId) => client.count(chatId) >= (logs.get(chatId)?.length ?? 0));
    await until("every client to have everything", () => clients.every(isComplete), 30_000).catch(() => {});
    for (const client of clients) {
      const who = `${client.account.userId} ${client.account.deviceId ?? "without a device"}`;
      expect({ who, faults: client.faults }).toEqual({ who, faults: [] });
      for (const [chatId, messages] of logs) {
        const own = [...(client.log.get(chatId) ?? [])].sort((a, b) => a.seq - b.seq);
        const stored = messages.map(({ seq, messageId, content }) => [seq, String(messageId), String(content)]);
        expect<unknown>(own.map(({ seq, messageId, content }) => [seq, messageId, content])).toEqual(stored);
      }
    }
    // What was said again after a break is there once.
    const stored = [...logs.values()].flatMap((messages) => messages.map((message) => message.clientId));
    expect(stored.sort()).toEqual(clientIds.sort());
    const { connections, cuts, halfCuts, stalls } = proxy.counts();
    const sum = (of: (client: ShakyClient) => number) => clients.reduce((total, client) => total + of(client), 0);
    console.log(
      `${stored.length} messages, ${connections} connections, ${cuts} cuts, ${halfCuts} half cuts, ${stalls} stalls, ` +
        `${sum((client) => client.overlaps)} overlaps, ${sum((client) => client.repeats)} repeats removed`,
    );
    expect(cuts + halfCuts).toBeGreaterThan(0);
  },
  shakeMs + 90_000,
);

async function wholeChat(server: TestServer, chatId: number): Promise<Message[]> {
  const { store } = server.domain;
  const chat = await store.findChat({ id: chatId });
  if (chat === undefined) throw new Error(`chat ${chatId} is gone`);
  return store.messages({ chatId: chat.chatId, afterSeq: 0, limit: 1_000_000 });
}

const portOf = (address: string): number => Number(address.slice(address.lastIndexOf(":") + 1));
