/**
 * The main thread's end of the folder of large content: hands content to the Worker that writes it, reads it back off the
 * event loop, and removes what no message refers to. The Worker is started when it is first needed.
 */
import { existsSync } from "node:fs";
import { totalmem } from "node:os";
import { DomainError } from "../../domain/errors.ts";
import { unpackContent } from "../../domain/messages/content.ts";
import type { MessageFile, MessageKind } from "../../domain/model.ts";
import type { Log } from "../../lib/log.ts";
import { filePath, filesFolder } from "./folder.ts";
import type { FromFilesWorker, ToFilesWorker } from "./wire.ts";

/** Content of all clients that may wait in memory for its file; beyond it the answer is `busy`. */
const waitingBytesMax = Math.min(1024 * 1024 * 1024, totalmem() / 4);
/** Handed to the Worker at once: enough that it never waits, and no more copies than that. */
const putsMax = 2;
/** Files read at once, whoever asked: what is read is handed on whole. */
const readsMax = 4;

export interface FileLimits {
  /** Content of at least so many bytes, as it was sent, goes to a file. */
  readonly bytesMin: number;
  readonly bytesMax: number;
  /** Of all files together; 0: no limit. */
  readonly totalBytesMax: number;
}

export const defaultFileLimits: FileLimits = {
  bytesMin: 64 * 1024,
  bytesMax: 16 * 1024 * 1024,
  totalBytesMax: 0,
};

export interface Files {
  /** Resolves once the content is on disk. The file stays until `settled`. Throws `storage_full`, `message_too_large`, `busy`. */
  put(said: Said): Promise<MessageFile>;
  /** The change that needed the file is through, whatever came of it. */
  settled(file: MessageFile): void;
  /** Undefined where the file is not there, which is logged: it should be. */
  read(file: MessageFile): Promise<string | Uint8Array | undefined>;
  /** To be read piece by piece; undefined where it is not there. */
  open(hash: string): Promise<Blob | undefined>;
  /** No message refers to these any more. */
  remove(hashes: readonly string[]): void;
  /** While writing is refused, files are refused too: they would eat what was freed for better use. */
  refuse(reason: string | undefined): void;
  close(): void;
}

export interface Said {
  readonly kind: MessageKind;
  readonly content: string | Uint8Array;
  /** See `Draft`. */
  readonly asBase64: boolean;
}

interface Waiting {
  readonly said: Said;
  resolve(file: MessageFile): void;
  reject(error: Error): void;
}

export function createFiles(parts: {
  dataDir: string;
  durable: boolean;
  limits: FileLimits;
  log: Log;
  /** Asked before a file is removed. */
  isReferenced(hash: string): boolean;
  onDeath(error: Error): void;
}): Files {
  const { dataDir, durable, limits, log, isReferenced } = parts;
  /** By number, in the order of arrival; the Worker has the first few. */
  const waiting = new Map<number, Waiting>();
  let lastSent = 0;
  let inWorker = 0;
  let worker: Worker | undefined;
  let lastId = 0;
  let waitingBytes = 0;
  let refusing: string | undefined;
  let closed = false;
  let reading = 0;
  const readers: (() => void)[] = [];

  /** What a crash left behind is looked for; where there never was a file there is nothing to look for. */
  if (existsSync(filesFolder(dataDir))) start();

  function start(): Worker {
    const started = new Worker(new URL("./files.worker.ts", import.meta.url).href);
    started.onmessage = ({ data }: MessageEvent<FromFilesWorker>) => hear(data);
    started.onerror = (event) => died(new Error(event.message));
    started.addEventListener("close", () => died(new Error("the files Worker ended by itself")));
    const { bytesMax, totalBytesMax } = limits;
    started.postMessage({ type: "open", dataDir, durable, bytesMax, totalBytesMax } satisfies ToFilesWorker);
    worker = started;
    return started;
  }

  const tell = (message: ToFilesWorker, transferred: ArrayBuffer[] = []): void =>
    (worker ?? start()).postMessage(message, transferred);

  function hear(message: FromFilesWorker): void {
    if (closed) return;
    if (message.type === "found") {
      remove(message.hashes);
      return;
    }
    const put = waiting.get(message.id);
    if (put === undefined) return;
    waiting.delete(message.id);
    waitingBytes -= put.said.content.length;
    inWorker -= 1;
    sendNext();
    if (message.type === "put") put.resolve(message.file);
    else put.reject(new DomainError(message.code, message.reason));
  }

  function died(error: Error): void {
    if (closed) return;
    refuseWaiting(new DomainError("storage_full", "the files Worker ended"));
    parts.onDeath(error);
  }

  function refuseWaiting(error: DomainError): void {
    closed = true;
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
    waitingBytes = 0;
  }

  function put(said: Said): Promise<MessageFile> {
    if (closed) return Promise.reject(new DomainError("stopping"));
    if (refusing !== undefined) return Promise.reject(new DomainError("storage_full", refusing));
    const bytes = said.content.length;
    if (waitingBytes + bytes > waitingBytesMax) {
      return Promise.reject(new DomainError("busy", "the disk is slower than what is asked of it"));
    }
    waitingBytes += bytes;
    const { promise, resolve, reject } = Promise.withResolvers<MessageFile>();
    lastId += 1;
    waiting.set(lastId, { said, resolve, reject });
    sendNext();
    return promise;
  }

  function sendNext(): void {
    while (inWorker < putsMax && lastSent < lastId) {
      lastSent += 1;
      const next = waiting.get(lastSent);
      if (next === undefined) continue;
      inWorker += 1;
      const { content } = next.said;
      // Bytes may be a view of a whole frame, and a clone would be of all of it; the sender's are still to be published.
      const copied = typeof content === "string" ? content : new Uint8Array(content);
      const transferred = typeof copied === "string" ? [] : [copied.buffer];
      tell({ type: "put", id: lastSent, ...next.said, content: copied }, transferred);
    }
  }

  async function read(file: MessageFile): Promise<string | Uint8Array | undefined> {
    // Whoever ends hands his place on, so nobody comes in between.
    if (reading < readsMax) reading += 1;
    else await new Promise<void>((resolve) => readers.push(resolve));
    try {
      const bytes = await Bun.file(filePath(dataDir, file.hash)).bytes();
      if (bytes.byteLength !== file.bytes) throw new Error(`it has ${bytes.byteLength} bytes instead of ${file.bytes}`);
      return unpackContent(bytes, file.form);
    } catch (error) {
      log.error("a file of a message cannot be read", { hash: file.hash, error });
      return undefined;
    } finally {
      const next = readers.shift();
      if (next === undefined) reading -= 1;
      else next();
    }
  }

  function remove(hashes: readonly string[]): void {
    if (closed) return;
    const unused = hashes.filter((hash) => !isReferenced(hash));
    if (unused.length > 0) tell({ type: "remove", hashes: unused });
  }

  return {
    put,
    settled({ hash }) {
      if (closed) return;
      tell({ type: "settled", hash });
      remove([hash]);
    },
    read,
    async open(hash) {
      const file = Bun.file(filePath(dataDir, hash));
      if (await file.exists()) return file;
      log.error("a file of a message is not there", { hash });
      return undefined;
    },
    remove,
    refuse(reason) {
      refusing = reason;
    },
    close() {
      if (closed) return;
      refuseWaiting(new DomainError("stopping"));
      worker?.terminate();
    },
  };
}
