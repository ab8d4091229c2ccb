/**
 * What waits to be sent. A message stands in the storage before it is shown, is sent until the server answers, with the
 * same client id each time, and leaves the storage together with the entry of the stored message in the cache.
 */
import type { Refusal } from "./channel.ts";
import { type Fields, isFields } from "./json.ts";
import type { Ask } from "./pages.ts";
import type { QueuedFile, QueuedRecord, Storage } from "./storage.ts";
import type { Tabs } from "./tabs.ts";
import { type Uploaded, type UploadParts, upload } from "./uploads.ts";

export interface SendQueueParts {
  readonly storage: Storage & { readonly isFull: boolean };
  readonly tabs: Tabs;
  readonly ask: Ask;
  readonly isOnline: () => boolean;
  readonly me: () => { readonly userId: string; readonly token: string } | undefined;
  readonly changed: () => void;
  readonly base: string;
  readonly fetch: UploadParts["fetch"];
  readonly retryMs: number;
}

export interface QueueDraft {
  readonly chatId: string;
  readonly text?: string | undefined;
  readonly replyTo?: string | undefined;
  readonly mentions?: readonly string[] | undefined;
  readonly file?: QueuedFile | undefined;
}

/** Sent and not answered. */
const inFlightMax = 64;
const uploadsMax = 2;
/** Client ids that are remembered though their messages wait no more. */
const overMax = 1_000;
const retryMsMax = 60_000;

/** Said of the moment, not of the message. */
const passing = new Set([
  "No line",
  "Not logged in",
  "Try later",
  "Server busy, try again",
  "Server stopping",
  "Internal error",
  "Too many attempts, try again later",
]);

export class SendQueue {
  readonly #parts: SendQueueParts;
  readonly #waiting = new Map<string, QueuedRecord>();
  readonly #inFlight = new Set<string>();
  /** Of what this tab uploads: the way to end it. */
  readonly #uploads = new Map<string, AbortController>();
  readonly #uploaded = new Map<string, string>();
  readonly #progress = new Map<string, number>();
  /** On their way to the storage. */
  readonly #writing = new Set<string>();
  /** Stored or dropped, though the storage may have them for a moment yet. */
  readonly #over = new Set<string>();
  /** Chats whose messages wait for a moment, so that they keep their order. */
  readonly #resting = new Map<string, ReturnType<typeof setTimeout>>();
  #rests = 0;

  constructor(parts: SendQueueParts) {
    this.#parts = parts;
  }

  /** In the order of sending; this user's alone. */
  get waiting(): readonly QueuedRecord[] {
    const me = this.#parts.me()?.userId;
    return [...this.#waiting.values()].filter(({ userId }) => userId === me).sort(byOrder);
  }

  isSending(clientId: string): boolean {
    return this.#inFlight.has(clientId);
  }

  progressOf(clientId: string): number | undefined {
    return this.#progress.get(clientId);
  }

  /** What another tab, or an earlier life of this one, left. */
  async load(): Promise<void> {
    const kept = await this.#parts.storage.all("queue");
    const ids = new Set(kept.map(({ clientId }) => clientId));
    for (const clientId of this.#waiting.keys())
      if (!ids.has(clientId) && !this.#writing.has(clientId)) this.#waiting.delete(clientId);
    for (const record of kept) {
      const { clientId } = record;
      if (!this.#over.has(clientId) && !this.#writing.has(clientId)) this.#waiting.set(clientId, record);
    }
    this.#changed();
  }

  /** Resolves when it is kept. */
  async add(draft: QueueDraft): Promise<string> {
    const me = this.#parts.me();
    if (me === undefined) throw new Error("no user is logged in");
    const orders = [...this.#waiting.values()].map(({ order }) => order);
    const madeAt = Date.now();
    const record: QueuedRecord = {
      ...draft,
      clientId: randomId(),
      order: Math.max(madeAt, ...orders.map((order) => order + 1)),
      userId: me.userId,
      madeAt,
    };
    await this.#replace(record);
    return record.clientId;
  }

  /** The user's word that it is to be tried again. */
  async again(clientId: string): Promise<void> {
    const record = this.#waiting.get(clientId);
    if (record !== undefined) await this.#replace({ ...record, refusal: undefined });
  }

  async drop(clientId: string): Promise<void> {
    this.#parts.tabs.tell({ type: "drop", key: clientId });
    await this.dropped(clientId);
    await this.#parts.storage.write({ unqueue: [clientId] });
    this.#parts.tabs.tell({ type: "queue" });
  }

  /** Another tab dropped it. */
  async dropped(clientId: string): Promise<void> {
    this.#uploads.get(clientId)?.abort();
    this.#forget(clientId);
    this.#changed();
  }

  /** The server stored them; the storage is told by who writes the stored messages. */
  stored(clientIds: readonly string[]): void {
    let changes = false;
    for (const clientId of clientIds) {
      changes ||= this.#waiting.has(clientId);
      this.#forget(clientId);
    }
    if (changes) this.#changed();
  }

  heardProgress(clientId: string, share: number): void {
    this.#progress.set(clientId, share);
    this.#parts.changed();
  }

  /** Sends what may be sent now. */
  drain(): void {
    const { tabs, storage, isOnline } = this.#parts;
    if (!isOnline() || (!tabs.leads && !storage.isFull)) return;
    for (const record of this.waiting) {
      const { clientId, chatId, refusal, file } = record;
      if (refusal !== undefined || this.#inFlight.has(clientId) || this.#resting.has(chatId)) continue;
      if (file !== undefined && !this.#uploaded.has(clientId)) {
        if (!this.#uploads.has(clientId) && this.#uploads.size < uploadsMax) void this.#upload(record, file);
        continue;
      }
      if (this.#inFlight.size >= inFlightMax) break;
      this.#inFlight.add(clientId);
      void this.#send(record);
    }
  }

  /** Nothing of it is kept here any more. */
  clear(): void {
    for (const ending of this.#uploads.values()) ending.abort();
    for (const timer of this.#resting.values()) clearTimeout(timer);
    this.#resting.clear();
    this.#waiting.clear();
    this.#parts.changed();
  }

  async #send(record: QueuedRecord): Promise<void> {
    const { clientId, chatId } = record;
    const answer = await this.#parts.ask("message.send", { message: this.#body(record) }, isAnswerTo(clientId));
    this.#inFlight.delete(clientId);
    if (answer.ok) this.#rests = 0;
    else await this.#refused(clientId, chatId, answer);
    this.#parts.changed();
    // The line's return sends it again; to try at once would be to try for ever.
    if (answer.ok || answer.reason !== "No line") this.drain();
  }

  #body({ clientId, chatId, text, replyTo, mentions }: QueuedRecord): Fields {
    const file = this.#uploaded.get(clientId);
    return {
      chat_id: chatId,
      client_id: clientId,
      ...(file === undefined ? { type: "text", content: text ?? "" } : { file }),
      ...(replyTo === undefined ? {} : { reply_to: replyTo }),
      ...(mentions === undefined ? {} : { mentions }),
    };
  }

  async #refused(clientId: string, chatId: string, { reason }: Refusal): Promise<void> {
    const record = this.#waiting.get(clientId);
    if (reason === "No line" || record === undefined) return;
    if (passing.has(reason)) {
      this.#rest(chatId);
      return;
    }
    // The upload ended before its message came.
    if (reason === "File not found" && record.file?.uploadId !== undefined) {
      this.#uploaded.delete(clientId);
      this.#rest(chatId);
      await this.#replace({ ...record, file: { ...record.file, uploadId: undefined } });
      return;
    }
    await this.#replace({ ...record, refusal: reason });
  }

  #rest(chatId: string): void {
    if (this.#resting.has(chatId)) return;
    const ms = Math.min(this.#parts.retryMs * 2 ** Math.min(this.#rests, 16), retryMsMax);
    this.#rests += 1;
    const timer = setTimeout(() => {
      this.#resting.delete(chatId);
      this.drain();
    }, ms);
    this.#resting.set(chatId, timer);
  }

  async #upload({ clientId, chatId }: QueuedRecord, file: QueuedFile): Promise<void> {
    const { base, fetch, retryMs, tabs, me } = this.#parts;
    const ending = new AbortController();
    this.#uploads.set(clientId, ending);
    const uploaded: Uploaded = await upload({
      base,
      fetch,
      retryMs,
      token: me()?.token ?? "",
      blob: file.blob,
      type: file.type,
      name: file.name,
      uploadId: file.uploadId,
      signal: ending.signal,
      begun: async (uploadId) => {
        const record = this.#waiting.get(clientId);
        if (record?.file !== undefined) await this.#replace({ ...record, file: { ...record.file, uploadId } });
      },
      progress: (share) => {
        tabs.tell({ type: "progress", key: clientId, share });
        this.heardProgress(clientId, share);
      },
    });
    this.#uploads.delete(clientId);
    const record = this.#waiting.get(clientId);
    if (uploaded === "later") this.#rest(chatId);
    else if (uploaded !== "ended" && record !== undefined) {
      if ("file" in uploaded) this.#uploaded.set(clientId, uploaded.file);
      else await this.#replace({ ...record, refusal: uploaded.reason });
    }
    this.#changed();
  }

  async #replace(record: QueuedRecord): Promise<void> {
    const { clientId } = record;
    this.#waiting.set(clientId, record);
    this.#writing.add(clientId);
    await this.#parts.storage.write({ queue: [record] });
    this.#writing.delete(clientId);
    // The answer, or the user's word that it is to be forgotten, may have come before the storage's.
    if (this.#over.has(clientId)) await this.#parts.storage.write({ unqueue: [clientId] });
    this.#parts.tabs.tell({ type: "queue" });
    this.#changed();
  }

  #forget(clientId: string): void {
    for (const known of [this.#waiting, this.#uploaded, this.#progress]) known.delete(clientId);
    this.#over.add(clientId);
    for (const [oldest] of this.#over.entries()) {
      if (this.#over.size <= overMax) break;
      this.#over.delete(oldest);
    }
  }

  #changed(): void {
    this.#parts.changed();
    this.drain();
  }
}

const byOrder = (a: QueuedRecord, b: QueuedRecord): number => a.order - b.order || (a.clientId < b.clientId ? -1 : 1);

/** The push of the message itself, or a refusal that names it. */
const isAnswerTo =
  (clientId: string) =>
  ({ client_id, messages }: Fields): boolean =>
    client_id === clientId ||
    (Array.isArray(messages) && messages.some((message) => isFields(message) && message["client_id"] === clientId));

/** 128 bits; `crypto.randomUUID` is missing where the page came by plain HTTP. */
export function randomId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
