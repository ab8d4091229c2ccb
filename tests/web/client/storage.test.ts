/** What the client keeps: over a restored server, in two tabs, and where there is no room. */
import { expect, test } from "bun:test";
import { MemoryStorage } from "../../../src/web/client/memory-storage.ts";
import type { Batch } from "../../../src/web/client/storage.ts";
import type { Note, Tabs } from "../../../src/web/client/tabs.ts";
import { until } from "../../support/deadline.ts";
import { startTestServer } from "../../support/server.ts";
import { again, chatWith, member, online, openClient, settled, shows, write } from "./stage.ts";

test("another epoch empties the caches and not the queue", async () => {
  await using server = await startTestServer();
  using ann = await member(server.http, "Ann");
  using bob = await member(server.http, "Bob");
  await write(bob, ann.id, "true");
  await until("the message", () => ann.arrived.length === 1);
  ann.client.line.close();
  const clientId = await write(ann, bob.id, "unsent");
  ann.client.stop();
  // As if the server's data had been set back since: the cache has what never was.
  const { identity, chats } = ann.client.cache;
  const chat = chats.get(chatWith(ann, bob)?.chatId ?? "");
  const { chatId, last } = chat ?? {};
  if (!identity || !chat || !chatId || !last) throw new Error("nothing was kept");
  const invented = [2, 3].map((seq) => ({ ...last, seq, messageId: `${seq}000`, content: "never was" }));
  await ann.storage.write({
    identity: { ...identity, epoch: "of another folder" },
    messages: invented,
    covers: [{ chatId, from: 1, to: 3 }],
    chats: [{ ...chat, lastSeq: 3 }],
  });
  using later = await again(server.http, ann);
  await online(later);
  await settled(later);
  later.client.openChat(bob.id);
  await shows(later, ["true", "unsent"]);
  expect(later.client.window?.messages[1]?.clientId).toBe(clientId);
  expect(await later.storage.identity()).not.toMatchObject({ epoch: "of another folder" });
});

/** Tabs of one browser: the first one leads, and the next where it is gone. */
function browserTabs() {
  const open: (Tabs & { leads: boolean })[] = [];
  return {
    open(): Tabs {
      const tab = {
        leads: open.length === 0,
        tell: (note: Note) => {
          for (const other of open) if (other !== tab) other.heard(structuredClone(note));
        },
        heard: (_note: Note) => {},
        led: () => {},
      };
      open.push(tab);
      return tab;
    },
    closeFirst(): void {
      open.shift();
      const [next] = open;
      if (next === undefined) return;
      next.leads = true;
      next.led();
    },
  };
}

test("of two tabs one sends what either wrote, both show it, and the other goes on when it is gone", async () => {
  await using server = await startTestServer();
  const tabs = browserTabs();
  const storage = new MemoryStorage();
  using bob = await member(server.http, "Bob");
  using first = await member(server.http, "Ann", { storage, tabs: tabs.open() });
  using second = openClient(server.http, { storage, tabs: tabs.open() });
  await second.client.start();
  await online(second);
  await write(second, bob.id, "from the second");
  await until("Bob to have it", () => bob.arrived.length === 1);
  await write(first, bob.id, "from the first");
  for (const tab of [first, second]) {
    await settled(tab);
    await until("the chat", () => chatWith(tab, bob)?.lastSeq === 2);
    tab.client.openChat(bob.id);
    await shows(tab, ["from the second", "from the first"]);
  }
  await write(second, "9999999", "refused");
  await until("both to know of the refusal", () =>
    [first, second].every(({ client }) => client.queue.waiting[0]?.refusal === "Chat not found"),
  );
  for (const { clientId } of first.client.queue.waiting) await first.client.queue.drop(clientId);
  await until("the second to forget it", () => second.client.queue.waiting.length === 0);
  first.client.stop();
  tabs.closeFirst();
  await write(second, bob.id, "alone");
  await until("Bob to have it", () => bob.arrived.length === 3);
  expect(bob.arrived.map(({ content }) => content)).toEqual(["from the second", "from the first", "alone"]);
  await second.client.logOut();
  expect(await storage.all("chats")).toEqual([]);
});

test("a tab hears that another one logged in, and out", async () => {
  await using server = await startTestServer();
  const tabs = browserTabs();
  const storage = new MemoryStorage();
  using first = openClient(server.http, { storage, tabs: tabs.open() });
  using second = openClient(server.http, { storage, tabs: tabs.open() });
  await first.client.start();
  await second.client.start();
  await first.client.logIn("auth.register", { user_name: "Ann", password: "correct horse" });
  await online(second);
  expect(second.id).toBe(first.id);
  await second.client.logOut();
  await until("the first to be out", () => first.client.stage === "out");
});

class FullStorage extends MemoryStorage {
  override readonly lasting = true;
  isFull = false;
  override async write(batch: Batch): Promise<void> {
    if (this.isFull) throw new Error("QuotaExceededError");
    await super.write(batch);
  }
}

test("where the browser has no room left, the client says so and goes on in memory", async () => {
  await using server = await startTestServer();
  const storage = new FullStorage();
  using ann = await member(server.http, "Ann", { storage });
  using bob = await member(server.http, "Bob");
  await write(bob, ann.id, "before");
  await until("the message", () => ann.arrived.length === 1);
  expect(ann.client.storage.lasting).toBe(true);
  storage.isFull = true;
  ann.client.openChat(bob.id);
  for (const text of ["one", "two"]) await write(ann, bob.id, text);
  await settled(ann);
  await write(bob, ann.id, "after");
  await shows(ann, ["before", "one", "two", "after"]);
  expect(ann.client.storage.lasting).toBe(false);
  // What was kept is given up, so that there is room for what waits.
  expect(await storage.all("chats")).toEqual([]);
  ann.client.openChat(undefined);
  ann.client.openChat(bob.id);
  await until("what is kept", () => ann.client.window?.atNewest === true);
  await ann.client.window?.older();
  await shows(ann, ["before", "one", "two", "after"]);
});
