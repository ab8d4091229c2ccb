/**
 * The main thread's side of the folder of large content. It hands content to the Worker that writes it, reads content
 * off the event loop, and removes content that no message refers to. The Worker starts on first use.
 */
import { existsSync } from "node:fs";
import { totalmem } from "node:os";
import { DomainError } from "../../domain/errors.ts";
import { unpackContent } from "../../domain/messages/content.ts";
import type { MessageFile, MessageKind } from "../../domain/model.ts";
import type { Log } from "../../lib/log.ts";
import { filePath, filesFolder } from "./folder.ts";
import type { FinishedUpload, FromFilesWorker, ToFilesWorker, UploadStep } from "./wire.ts";

/** The most content of all clients that may wait in memory for its file; beyond it the answer is `busy`. */
const waitingBytesMax = Math.min(1024 * 1024 * 1024, totalmem() / 4);
/** The number of puts handed to the Worker at once: enough to keep it busy, and no more copies than that. */
const putsMax = 2;
/** The number of files read at once, over all callers: a file is read as a whole. */
const readsMax = 4;

export interface FileLimits {
  /** Content of at least this many bytes, as it was sent, goes to a file. */
  readonly bytesMin: number;
  readonly bytesMax: number;
  /** The limit for all files together; 0 means no limit. */
  readonly totalBytesMax: number;
  /** An upload of more bytes is no text. */
  readonly textBytesMax: number;
}

export const defaultFileLimits: FileLimits = {
  bytesMin: 64 * 1024,
  bytesMax: 16 * 1024 * 1024,
  totalBytesMax: 0,
  textBytesMax: 1024 * 1024,
};

export interface Files {
  /**
   * Resolves when the content is on disk. The file is kept until `settled`. Throws `storage_full`, `message_too_large`,
   * `busy`.
   */
  put(large: LargeContent): Promise<MessageFile>;
  /** Call this when the change that needed the file has ended, in success or failure. By hash or upload id. */
  settled(name: string): void;
  /** Begins an upload of so many bytes. Its file is kept until `settled`. Throws `storage_full`, `busy`. */
  beginUpload(upload: string, bytes: number): Promise<void>;
  /** Writes where it was kept so far. Throws `storage_full`, `busy`, `file_not_found` where less than that is there. */
  appendUpload(upload: string, offset: number, content: Uint8Array): Promise<void>;
  /** What was written is on the disk. */
  syncUpload(upload: string): Promise<void>;
  /** All is there. The file that it becomes is kept until `settled`. */
  finishUpload(upload: string, bytes: number): Promise<FinishedUpload>;
  /** Reads a file; undefined where it is missing, which is logged as a fault. */
  read(file: MessageFile): Promise<string | Uint8Array | undefined>;
  readBytes(file: Pick<MessageFile, "hash" | "bytes">): Promise<Uint8Array | undefined>;
  /** Opens a file to be read piece by piece; undefined where it is missing. */
  open(hash: string): Promise<Blob | undefined>;
  /** Removes those of these files, by hash or upload id, that nothing refers to any more. */
  remove(names: readonly string[]): void;
  /** While changes are refused, files are refused too: they would use up the space that was freed for changes. */
  refuse(reason: string | undefined): void;
  close(): void;
}

export interface LargeContent {
  readonly kind: MessageKind;
  readonly content: string | Uint8Array;
  /** See `Draft`. */
  readonly asBase64: boolean;
}

interface Waiting {
  readonly large: LargeContent;
  resolve(file: MessageFile): void;
  reject(error: Error): void;
}

export function createFiles(parts: {
  dataDir: string;
  durable: boolean;
  limits: FileLimits;
  log: Log;
  /** Called before a file is removed, by hash or upload id. */
  isReferenced(name: string): boolean;
  /** The disk refuses large content for this reason, or (undefined) takes it again. */
  onDisk(reason: string | undefined): void;
  onDeath(error: Error): void;
}): Files {
  const { dataDir, durable, limits, log, isReferenced } = parts;
  /** By number, in the order of arrival. The Worker has the first few. */
  const waiting = new Map<number, Waiting>();
  let lastSent = 0;
  let inWorker = 0;
  let worker: Worker | undefined;
  let lastId = 0;
  let waitingBytes = 0;
  /** Steps of uploads that the Worker has. There is one of each upload at most. */
  const steps = new Map<number, { resolve(finished: FinishedUpload | undefined): void; reject(error: Error): void }>();
  let lastStep = 0;
  let refusing: string | undefined;
  let closed = false;
  let reading = 0;
  const readers: (() => void)[] = [];

  /** Looks for what a crash left behind. Without a folder there is nothing to look for. */
  if (existsSync(filesFolder(dataDir))) start();

  function start(): Worker {
    const started = new Worker(new URL("./files.worker.ts", import.meta.url).href);
    started.onmessage = ({ data }: MessageEvent<FromFilesWorker>) => received(data);
    started.onerror = (event) => died(new Error(event.message));
    started.addEventListener("close", () => died(new Error("the files Worker ended by itself")));
    started.postMessage({
      type: "open",
      dataDir,
      durable,
      bytesMax: limits.bytesMax,
      totalBytesMax: limits.totalBytesMax,
      textBytesMax: limits.textBytesMax,
    } satisfies ToFilesWorker);
    worker = started;
    return started;
  }

  const sendToWorker = (message: ToFilesWorker, transferred: ArrayBuffer[] = []): void =>
    (worker ?? start()).postMessage(message, transferred);

  function received(message: FromFilesWorker): void {
    if (closed) return;
    if (message.type === "found") {
      remove(message.names);
      return;
    }
    if (message.type === "uploaded" || message.type === "upload refused") {
      const step = steps.get(message.id);
      steps.delete(message.id);
      if (message.type === "uploaded") step?.resolve(message.finished);
      else step?.reject(new DomainError(message.code, message.reason));
      return;
    }
    if (message.type === "disk") {
      parts.onDisk(message.reason ?? undefined);
      return;
    }
    const put = waiting.get(message.id);
    if (put === undefined) return;
    waiting.delete(message.id);
    waitingBytes -= put.large.content.length;
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
    for (const { reject } of [...waiting.values(), ...steps.values()]) reject(error);
    waiting.clear();
    steps.clear();
    waitingBytes = 0;
  }

  function put(large: LargeContent): Promise<MessageFile> {
    if (closed) return Promise.reject(new DomainError("stopping"));
    if (refusing !== undefined) return Promise.reject(new DomainError("storage_full", refusing));
    const bytes = large.content.length;
    if (waitingBytes + bytes > waitingBytesMax) {
      return Promise.reject(new DomainError("busy", "too much content waits for the disk"));
    }
    waitingBytes += bytes;
    const { promise, resolve, reject } = Promise.withResolvers<MessageFile>();
    lastId += 1;
    waiting.set(lastId, { large, resolve, reject });
    sendNext();
    return promise;
  }

  function sendNext(): void {
    while (inWorker < putsMax && lastSent < lastId) {
      lastSent += 1;
      const next = waiting.get(lastSent);
      if (next === undefined) continue;
      inWorker += 1;
      const { content } = next.large;
      // Bytes may be a view of a whole frame, and a clone would copy the whole frame. The sender's bytes are still
      // needed for publishing, so they are not transferred.
      const copied = typeof content === "string" ? content : new Uint8Array(content);
      const transferred = typeof copied === "string" ? [] : [copied.buffer];
      sendToWorker({ type: "put", id: lastSent, ...next.large, content: copied }, transferred);
    }
  }

  function ask(upload: string, step: UploadStep): Promise<FinishedUpload | undefined> {
    if (closed) return Promise.reject(new DomainError("stopping"));
    if (refusing !== undefined) return Promise.reject(new DomainError("storage_full", refusing));
    const { promise, resolve, reject } = Promise.withResolvers<FinishedUpload | undefined>();
    lastStep += 1;
    steps.set(lastStep, { resolve, reject });
    const transferred = step.is === "append" ? [step.content.buffer as ArrayBuffer] : [];
    sendToWorker({ type: "upload", id: lastStep, upload, step }, transferred);
    return promise;
  }

  async function read(file: MessageFile): Promise<string | Uint8Array | undefined> {
    const bytes = await readBytes(file);
    return bytes === undefined ? undefined : unpackContent(bytes, file.form);
  }

  async function readBytes(file: Pick<MessageFile, "hash" | "bytes">): Promise<Uint8Array | undefined> {
    // A read that ends passes its slot to the next one in the queue, so no later read comes first.
    if (reading < readsMax) reading += 1;
    else await new Promise<void>((resolve) => readers.push(resolve));
    try {
      const bytes = await Bun.file(filePath(dataDir, file.hash)).bytes();
      if (bytes.byteLength !== file.bytes) throw new Error(`it has ${bytes.byteLength} bytes instead of ${file.bytes}`);
      return bytes;
    } catch (error) {
      log.error("a file of a message cannot be read", { hash: file.hash, error });
      return undefined;
    } finally {
      const next = readers.shift();
      if (next === undefined) reading -= 1;
      else next();
    }
  }

  function remove(names: readonly string[]): void {
    if (closed) return;
    const unused = names.filter((name) => !isReferenced(name));
    if (unused.length > 0) sendToWorker({ type: "remove", names: unused });
  }

  return {
    put,
    settled(name) {
      if (closed) return;
      sendToWorker({ type: "settled", name });
      remove([name]);
    },
    beginUpload: (upload, bytes) => ask(upload, { is: "begin", bytes }).then(nothing),
    // The bytes may be part of something larger, all of which would go to the Worker.
    appendUpload: (upload, offset, content) =>
      ask(upload, { is: "append", offset, content: new Uint8Array(content) }).then(nothing),
    syncUpload: (upload) => ask(upload, { is: "sync" }).then(nothing),
    finishUpload: async (upload, bytes) => {
      const finished = await ask(upload, { is: "finish", bytes });
      if (finished === undefined) throw new Error("an upload was finished without an outcome");
      return finished;
    },
    read,
    readBytes,
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

const nothing = (): void => {};
