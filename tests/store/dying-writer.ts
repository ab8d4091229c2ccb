/**
 * Run by writer.test.ts as a process of its own: opens a store, ends its writer while messages are in flight, and tells
 * as one line of JSON what became of them and of what was asked afterwards.
 */
import { DomainError } from "../../src/domain/errors.ts";
import type { Draft } from "../../src/domain/model.ts";
import { silentLog } from "../../src/lib/log.ts";
import { openStore } from "../../src/store/sqlite/store.ts";
import { realClock } from "../support/manual-clock.ts";

const [dataDir = "", how = ""] = process.argv.slice(2);

/** The writer is the only Worker this process starts. */
let writer: Worker | undefined;
const RealWorker = globalThis.Worker;
globalThis.Worker = class extends RealWorker {
  constructor(...args: ConstructorParameters<typeof RealWorker>) {
    super(...args);
    writer = this;
  }
};

const deaths: string[] = [];
const died = Promise.withResolvers<void>();
const store = await openStore({
  dataDir,
  durability: "os",
  clock: realClock,
  log: silentLog,
  onStorage: () => {},
  onFiles: () => {},
  onDeath(error) {
    deaths.push(error.message);
    died.resolve();
  },
});
const ann = await store.createUser({ nick: "Ann" });
const draft: Draft = { chat: { id: ann.userId }, from: ann.userId, type: "text", content: "x" };
await store.appendMessage(draft);

const codeOf = (error: unknown): string => (error instanceof DomainError ? error.code : String(error));
const inFlight = Array.from({ length: 50 }, () => store.appendMessage(draft).then(() => "done", codeOf));
if (how === "terminate") writer?.terminate();
else writer?.postMessage({ type: "batch", nowMs: 0, changes: "not JSON", blobs: [] });
await died.promise;
const during = await Promise.all(inFlight);
const after = await store.appendMessage(draft).then(() => "done", codeOf);
const readable = (
  await store.messages({ chatId: (await store.chatsOf(ann.userId))[0]?.chatId ?? (0 as never), limit: 100 })
).length;
await store.close();
console.log(JSON.stringify({ deaths: deaths.length, during: [...new Set(during)].sort(), after, readable }));
process.exit(0);
