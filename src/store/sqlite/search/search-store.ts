/**
 * The main thread's end of search. The Worker is started when a client searches or when messages were committed, and ended
 * when it had nothing to do for a while, so that a server where nothing is said and nothing is sought has none.
 */
import { Database } from "bun:sqlite";
import { existsSync } from "node:fs";
import { DomainError } from "../../../domain/errors.ts";
import { isHidden } from "../../../domain/messages/addressed.ts";
import type { MessageSearch, SearchReads } from "../../../domain/messages/search-store.ts";
import type { Message, MessageId } from "../../../domain/model.ts";
import { lazily } from "../../../lib/lazily.ts";
import type { Log } from "../../../lib/log.ts";
import { rowsOf } from "../engine/rows.ts";
import type { MessageContent } from "../messages/message-content.ts";
import type { StoredMessages } from "../messages/message-reader.ts";
import type { Submit } from "../submit.ts";
import { indexPath, removeIndex } from "./index-path.ts";
import type { FromSearchWorker, SearchPace, ToSearchWorker } from "./wire.ts";

/** Searches that may wait for the Worker, of all users and of one; beyond that the answer is `busy`. */
const waitingMax = 256;
const waitingPerUserMax = 4;

export interface SearchTimes {
  readonly pace: SearchPace;
  /** From a commit until its messages are indexed: more of them share the work, and until then they are found without. */
  readonly indexAfterMs: number;
  /** From a start until a look whether the last one left something to index. */
  readonly lookAfterMs: number;
  /** How long the Worker stays without work. */
  readonly idleMs: number;
}

export const defaultSearchTimes: SearchTimes = {
  pace: {
    shardMessages: 2 ** 17,
    sliceMs: 4,
    pauseMs: 4,
    yieldPauseMs: 40,
    busyPauseMs: 150,
    retryMs: 30_000,
    roomBytesMin: 64 * 1024 * 1024,
  },
  indexAfterMs: 2000,
  lookAfterMs: 3000,
  idleMs: 60_000,
};

interface Waiting {
  readonly search: MessageSearch;
  resolve(page: { messageIds: readonly number[]; next: number | undefined }): void;
  reject(error: Error): void;
}

export interface SearchStore extends SearchReads {
  /** Messages were added, changed or removed by a commit. */
  changed(): void;
  close(): Promise<void>;
}

interface Parts {
  readonly dataDir: string;
  readonly db: Database;
  readonly submit: Submit;
  readonly reads: StoredMessages;
  readonly content: MessageContent;
  readonly log: Log;
  readonly times: SearchTimes;
}

/** @param setting undefined: nothing is found, and the index stays as it is. */
export function createSearchStore(setting: "on" | "off" | undefined, parts: Parts): SearchStore {
  if (setting === "on") return createRunningSearch(parts);
  if (setting === "off") turnOff(parts);
  return {
    searchMessages: () => Promise.reject(new DomainError("search_off")),
    changed() {},
    close: () => Promise.resolve(),
  };
}

function turnOff({ dataDir, db, submit, log }: Parts): void {
  if (existsSync(indexPath(dataDir))) {
    removeIndex(dataDir);
    log.info("search is off; its index was removed");
  }
  if (!isOff(db)) void submit("keepSearch", { on: false }).catch(ignored);
}

function createRunningSearch({ dataDir, db, submit, reads, content, log, times }: Parts): SearchStore {
  const membership = lazily(() =>
    db.prepare<{ one: 1 }, [number, number]>("SELECT 1 one FROM members WHERE chat_id = ? AND user_id = ?"),
  );
  const waiting = new Map<number, Waiting>();
  let lastId = 0;
  let worker: Worker | undefined;
  let isClosed = false;
  let ended: (() => void) | undefined;
  let ending: Promise<void> | undefined;
  let idle: ReturnType<typeof setTimeout> | undefined;
  /** Until the Worker is told that there is something to index. */
  let due: ReturnType<typeof setTimeout> | undefined;

  if (isOff(db)) {
    // What was changed meanwhile left no marks.
    removeIndex(dataDir);
    void submit("keepSearch", { on: true }).catch(ignored);
  }
  const look = setTimeout(() => {
    if (isBehind()) wake();
  }, times.lookAfterMs);
  look.unref();

  /** Whether the last run left something to index. What cannot be told is for the Worker to find out. */
  function isBehind(): boolean {
    const last = reads.lastMessageId();
    if (last === 0) return false;
    if (!existsSync(indexPath(dataDir)) || rowsOf(db, "SELECT 1 FROM search_marks LIMIT 1").length > 0) return true;
    try {
      using index = new Database(indexPath(dataDir), { readonly: true });
      const [[through, untidy] = []] = rowsOf(
        index,
        "SELECT through, EXISTS (SELECT 1 FROM shards WHERE untidy = 1) FROM state",
      );
      return through !== last || untidy !== 0;
    } catch {
      return true;
    }
  }

  function changed(): void {
    due ??= setTimeout(wake, times.indexAfterMs);
  }

  function wake(): void {
    clearTimeout(due);
    due = undefined;
    tellWorker({ type: "wake" });
  }

  function tellWorker(message: ToSearchWorker): void {
    if (isClosed) return;
    clearTimeout(idle);
    idle = undefined;
    worker ??= start();
    worker.postMessage(message);
  }

  function start(): Worker {
    const started = new Worker(new URL("./search.worker.ts", import.meta.url).href);
    started.onmessage = ({ data }: MessageEvent<FromSearchWorker>) => received(data);
    started.onerror = (event) => died(started, event.message);
    started.addEventListener("close", () => died(started, "it ended by itself"));
    started.postMessage({ type: "open", dataDir, pace: times.pace } satisfies ToSearchWorker);
    return started;
  }

  function received(message: FromSearchWorker): void {
    if (message.type === "log") log[message.level](message.message, message.fields);
    else if (message.type === "marks") void submit("clearSearchMarks", { through: message.through }).catch(ignored);
    else if (message.type === "idle") beIdle();
    else if (message.type === "closed") ended?.();
    else answered(message);
  }

  function answered(message: Extract<FromSearchWorker, { type: "found" | "refused" }>): void {
    const asked = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.type === "found") asked?.resolve({ messageIds: message.messageIds, next: message.next });
    else if (message.reason === "no_word") asked?.reject(new DomainError("invalid_query", "it has no letter or digit"));
    else asked?.reject(new DomainError("busy", "the search failed"));
  }

  function beIdle(): void {
    if (waiting.size > 0 || due !== undefined) return;
    idle ??= setTimeout(() => void end(), times.idleMs);
    idle.unref();
  }

  /** The next search, or the next commit, starts another one. */
  function died(which: Worker, reason: string): void {
    ended?.();
    if (worker !== which) return;
    worker = undefined;
    log.error("the thread of search ended; it is started again", { reason });
    refuseAll(new DomainError("busy", "the search failed"));
    due ??= setTimeout(wake, times.pace.retryMs);
  }

  function refuseAll(error: DomainError): void {
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  }

  /** Resolves when it has closed its files. */
  function end(): Promise<void> {
    const last = worker;
    worker = undefined;
    if (last === undefined) return ending ?? Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    ended = resolve;
    last.postMessage({ type: "close" } satisfies ToSearchWorker);
    ending = promise.then(() => last.terminate());
    return ending;
  }

  async function searchMessages(search: MessageSearch) {
    const { messageIds, next } = await ask(search);
    const { userId, inlineBytesMax } = search;
    const found = reads
      .byIds(messageIds as MessageId[])
      .filter((message) => message.kind !== "deleted" && !isHidden(message) && isMember(message, userId));
    return { messages: await content.withContent(found, inlineBytesMax), next: next as MessageId | undefined };
  }

  /** As of now: the Worker looked a moment ago. */
  const isMember = ({ chatId }: Message, userId: number): boolean => membership().get(chatId, userId) !== null;

  function ask(search: MessageSearch): Promise<{ messageIds: readonly number[]; next: number | undefined }> {
    if (isClosed) return Promise.reject(new DomainError("stopping"));
    let own = 0;
    for (const asked of waiting.values()) if (asked.search.userId === search.userId) own += 1;
    if (waiting.size >= waitingMax || own >= waitingPerUserMax) {
      return Promise.reject(new DomainError("busy", "too many searches wait"));
    }
    const { promise, resolve, reject } = Promise.withResolvers<{
      messageIds: readonly number[];
      next: number | undefined;
    }>();
    lastId += 1;
    waiting.set(lastId, { search, resolve, reject });
    const { userId, chatId, query, before, limit } = search;
    tellWorker({ type: "find", id: lastId, userId, chatId, query, before, limit });
    return promise;
  }

  return {
    searchMessages,
    changed,
    async close() {
      clearTimeout(look);
      clearTimeout(due);
      clearTimeout(idle);
      isClosed = true;
      refuseAll(new DomainError("stopping"));
      await end();
    },
  };
}

/** Changes leave no marks. */
const isOff = (db: Database): boolean => rowsOf(db, "SELECT 1 FROM sequence WHERE name = 'search_off'").length > 0;

/** The next start does it. */
const ignored = (): void => {};
