/**
 * Two people write 200 messages each over a line that fails: none is lost, none is there twice, both have them in the
 * server's order, and nothing waits at the end. `ROOST_TEST_SEED` repeats a run.
 */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startServer } from "../load/server.ts";
import { until } from "../support/deadline.ts";
import { createRandom } from "../support/random.ts";
import { startTestServer } from "../support/server.ts";
import { chatWith, type Member, member, write } from "./client/stage.ts";
import { type FaultProxy, startFaultProxy } from "./fault-proxy.ts";

const seed = Number(process.env["ROOST_TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const each = 200;
const timeoutMs = 60_000;
const textsOf = (name: string) => Array.from({ length: each }, (_, n) => `${name} ${n}`);
const portOf = (address: string): number => Number(address.slice(address.lastIndexOf(":") + 1));

interface Talk {
  readonly ann: Member;
  readonly bob: Member;
  readonly proxy: FaultProxy;
}

/** Both write everything; `between` is done after each tenth of it. */
async function talk({ ann, bob }: Talk, between: (part: number) => Promise<void> | void): Promise<void> {
  for (const [n, text] of textsOf("Ann").entries()) {
    await Promise.all([write(ann, bob.id, text), write(bob, ann.id, textsOf("Bob")[n] ?? "")]);
    // The line is used meanwhile.
    await new Promise((resolve) => setImmediate(resolve));
    if ((n + 1) % (each / 10) === 0) await between((n + 1) / (each / 10));
  }
}

async function isWhole({ ann, bob }: Talk): Promise<void> {
  const people = [ann, bob];
  await until("nothing to wait", () => people.every(({ client }) => client.queue.waiting.length === 0), 30_000);
  const [annChat, bobChat] = [chatWith(ann, bob), chatWith(bob, ann)];
  expect(annChat?.chatId).toBe(bobChat?.chatId ?? "none");
  const chatId = annChat?.chatId ?? "";
  const covers = () => people.map(({ client }) => client.cache.covers.get(chatId)?.to);
  await until("everything to be known", () => covers().every((to) => to === 2 * each), 30_000).catch(() => {});
  expect(covers()).toEqual([2 * each, 2 * each]);
  const logs = await Promise.all(
    people.map(({ storage }) => storage.messages(chatId, { from: 1, to: 1e6, limit: 1e6 })),
  );
  for (const log of logs) {
    expect(log.map(({ seq }) => seq)).toEqual(Array.from({ length: 2 * each }, (_, n) => n + 1));
    expect(log).toHaveLength(2 * each);
  }
  const [annLog = [], bobLog = []] = logs;
  expect(annLog.map(({ messageId, content }) => [messageId, content])).toEqual(
    bobLog.map(({ messageId, content }) => [messageId, content]),
  );
  // Each one's messages are in the order in which they were written.
  for (const [{ id }, name] of [
    [ann, "Ann"],
    [bob, "Bob"],
  ] as const)
    expect(annLog.filter(({ senderId }) => senderId === id).map(({ content }) => content)).toEqual(textsOf(name));
  expect(ann.arrived.map(({ content }) => content)).toEqual(textsOf("Bob"));
  expect(bob.arrived.map(({ content }) => content)).toEqual(textsOf("Ann"));
  for (const { storage } of people) expect(await storage.all("queue")).toEqual([]);
}

async function over(http: string, use: (talking: Talk) => Promise<void>): Promise<void> {
  console.log(`seed ${seed}`);
  using proxy = await startFaultProxy({ toPort: portOf(http), random: createRandom(seed) });
  const options = { kept: 1_000 };
  using ann = await member(`127.0.0.1:${proxy.port}`, "Ann", options);
  using bob = await member(`127.0.0.1:${proxy.port}`, "Bob", options);
  await use({ ann, bob, proxy });
  await isWhole({ ann, bob, proxy });
}

test(
  "over a line that is dead for a while",
  async () => {
    await using server = await startTestServer();
    await over(server.http, async (talking) => {
      const { ann, bob, proxy } = talking;
      await talk(talking, async (part) => {
        if (part % 4 === 1) proxy.set("dead");
        if (part % 4 !== 3) return;
        const before = proxy.counts().refused;
        await until("both to have tried again", () => proxy.counts().refused >= before + 4);
        expect([ann, bob].map(({ client }) => client.line.state)).not.toContain("online");
        proxy.set("none");
      });
      proxy.set("none");
      expect(proxy.counts().refused).toBeGreaterThan(3);
    });
  },
  timeoutMs,
);

test(
  "over a line that swallows what is sent, and says nothing of it",
  async () => {
    await using server = await startTestServer();
    await over(server.http, async (talking) => {
      const { proxy } = talking;
      await talk(talking, async (part) => {
        if (part % 4 !== 1) return;
        const before = proxy.counts().connections;
        proxy.set("half-open");
        if (part > 1) await until("both to come by new lines", () => proxy.counts().connections >= before + 2);
      });
    });
  },
  timeoutMs,
);

test(
  "over a line of which one chunk in twenty is the last",
  async () => {
    await using server = await startTestServer();
    await over(server.http, async (talking) => {
      const { proxy } = talking;
      proxy.set("cut");
      await talk(talking, (part) => until("a cut", () => proxy.counts().cuts >= part).then(() => {}));
      await until("twenty cuts", () => proxy.counts().cuts >= 20 || isQuiet(talking));
      proxy.set("none");
      expect(proxy.counts().cuts).toBeGreaterThanOrEqual(10);
    });
  },
  timeoutMs,
);

const isQuiet = ({ ann, bob }: Talk): boolean => [ann, bob].every(({ client }) => client.queue.waiting.length === 0);

test(
  "to a server that is killed, and comes back",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "roost-faults-"));
    const start = () => startServer({ data: join(folder, "data"), command: [process.execPath, "src/main.ts"] });
    let server = await start();
    try {
      await over(server.http, async (talking) => {
        const { proxy } = talking;
        await talk(talking, async (part) => {
          if (part % 5 !== 2) return;
          process.kill(server.pid, "SIGKILL");
          await server.exited;
          await server.stop();
          server = await start();
          proxy.toPort = portOf(server.http);
        });
      });
    } finally {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  },
  timeoutMs,
);
