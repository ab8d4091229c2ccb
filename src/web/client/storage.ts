/**
 * What the client keeps: a few tables of records. A tab of a browser keeps them in IndexedDB, which its other tabs share;
 * a program, and a tab without IndexedDB, in memory.
 */
import type { ChatRecord, MessageRecord, PersonRecord } from "./records.ts";

/** A message that waits to be sent. `order`: place in the queue. */
export interface QueuedRecord {
  readonly clientId: string;
  readonly order: number;
  /** Whose message it is: another user who logs in here must not send it. */
  readonly userId: string;
  /** A chat, or a user for the direct chat with them. */
  readonly chatId: string;
  readonly madeAt: number;
  readonly text?: string | undefined;
  readonly replyTo?: string | undefined;
  readonly mentions?: readonly string[] | undefined;
  readonly file?: QueuedFile | undefined;
  /** Why the server refused it; it waits for the user's word then. */
  readonly refusal?: string | undefined;
}

export interface QueuedFile {
  readonly blob: Blob;
  readonly type: string;
  readonly name?: string | undefined;
  readonly width?: number | undefined;
  readonly height?: number | undefined;
  /** The upload that was begun for it. */
  readonly uploadId?: string | undefined;
}

/** The messages of a chat from one `seq` to another are all kept, but for those that are deleted or for others. */
export interface Cover {
  readonly chatId: string;
  readonly from: number;
  readonly to: number;
}

/** Who is logged in here, and with which server's data the cache agrees. */
export interface Identity {
  readonly userId: string;
  readonly name: string;
  readonly avatar: string;
  readonly loginName?: string | undefined;
  readonly token: string;
  readonly epoch?: string | undefined;
}

export interface Tables {
  readonly chats: ChatRecord;
  readonly people: PersonRecord;
  readonly queue: QueuedRecord;
  readonly covers: Cover;
}

export type TableName = keyof Tables;

/** What is written together. */
export interface Batch {
  readonly identity?: Identity | null;
  readonly chats?: readonly ChatRecord[];
  readonly people?: readonly PersonRecord[];
  readonly queue?: readonly QueuedRecord[];
  readonly unqueue?: readonly string[];
  readonly messages?: readonly MessageRecord[];
  /**
   * A cover never shrinks at its end and never grows at its beginning, since another tab may write it too: see
   * `mergedCover`. Messages before `from` are removed.
   */
  readonly covers?: readonly Cover[];
  /** Chats that are forgotten with their messages. */
  readonly forget?: readonly string[];
  /** The messages and the cover of these chats are forgotten. */
  readonly empty?: readonly string[];
}

export interface Storage {
  /** False: what is kept is gone with the page. */
  readonly lasting: boolean;
  identity(): Promise<Identity | undefined>;
  all<T extends TableName>(table: T): Promise<Tables[T][]>;
  /** Messages of `chatId` with `from <= seq <= to`, ascending: the newest `limit` of them. */
  messages(chatId: string, range: { from: number; to: number; limit: number }): Promise<MessageRecord[]>;
  /** All of the batch or nothing. Rejects where there is no room. */
  write(batch: Batch): Promise<void>;
  /** Everything but the identity and the queue, or everything. */
  clear(what: "caches" | "everything"): Promise<void>;
}

/**
 * Two tabs write covers of one chat. Each is true by itself, and nothing before a cover's `from` is needed. So what is
 * covered from the later beginning to the later end is covered whole.
 */
export const mergedCover = (before: Cover | undefined, next: Cover): Cover =>
  before === undefined
    ? next
    : { chatId: next.chatId, from: Math.max(before.from, next.from), to: Math.max(before.to, next.to) };
