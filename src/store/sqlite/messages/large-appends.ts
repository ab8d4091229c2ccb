/**
 * Messages whose content is in a file. A file of new content is written and synced before the change that refers to it is
 * submitted, so that no commit waits for it; of a file that is there already, what clients are told with the message is
 * read. The messages of one sender are submitted in the order they were sent: small ones wait for the large ones before
 * them. Those of other senders do not wait.
 */
import { kindOfType } from "../../../domain/messages/messages.ts";
import type { Draft, MessageFile, UserId } from "../../../domain/model.ts";
import type { Files } from "../../files/files.ts";

export type PutFile = MessageFile | undefined;

/** What may be in memory of files that messages name, until those are told; more waits. */
const namedBytesMax = 64 * 1024 * 1024;
/** Of the messages that are sent together; what is more comes as the address of its file alone. */
const namedAtOnceBytesMax = 8 * 1024 * 1024;

export interface LargeAppends {
  /** Whether one of these is large or names a file, or must wait for a large one of the same sender. */
  concerns(drafts: readonly Draft[]): boolean;
  concernsOne(draft: Draft): boolean;
  /**
   * Calls `submit` in its turn, with the file of each draft that has one. `finish` is called in the turn in which the outcome
   * is known, so that outcomes settle in the order of the commits, as they do for messages that did not wait.
   */
  append<Outcome>(
    drafts: readonly Draft[],
    submit: (files: readonly PutFile[]) => Promise<Outcome>,
    finish: (outcome: Outcome) => Outcome | Promise<Outcome>,
  ): Promise<Outcome>;
  /** The bytes of the file that a draft under way names, where they were read. */
  bytesOf(draft: Draft): Uint8Array | undefined;
}

export function createLargeAppends(parts: {
  files: Files;
  bytesMin: number;
  /** Content of more bytes is told by its file alone. */
  toldBytesMax: number;
  findNamed(userId: UserId, file: string): { hash: string; bytes: number } | undefined;
}): LargeAppends {
  const { files, bytesMin } = parts;
  const read = new WeakMap<Draft, Uint8Array>();
  const room = new Room(namedBytesMax);
  /** Resolves when all messages of a sender so far are submitted. Only senders of recent large messages are here. */
  const turns = new Map<UserId, Promise<unknown>>();

  const concernsOne = ({ content, file, from }: Draft): boolean =>
    file !== undefined ||
    (turns.size > 0 && turns.has(from)) ||
    // A UTF-16 unit is at most three bytes of UTF-8, so short strings need no counting.
    (typeof content === "string"
      ? content.length * 3 >= bytesMin && isLarge(content, bytesMin)
      : content.byteLength >= bytesMin);

  function append<Outcome>(
    drafts: readonly Draft[],
    submit: (files: readonly PutFile[]) => Promise<Outcome>,
    finish: (outcome: Outcome) => Outcome | Promise<Outcome>,
  ): Promise<Outcome> {
    const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
    const senders = [...new Set(drafts.map((draft) => draft.from))];
    const putting = Promise.allSettled(drafts.map(putOf));
    const reading = readNamed(drafts);
    const turn = Promise.all([putting, reading, ...senders.map((sender) => turns.get(sender))]).then(([put, give]) => {
      const settled = (): void => {
        give();
        for (const one of put) if (one.status === "fulfilled" && one.value !== undefined) files.settled(one.value.hash);
      };
      const refuse = (error: unknown): void => {
        reject(error);
        settled();
      };
      const failed = put.find((one) => one.status === "rejected");
      if (failed !== undefined) return refuse(failed.reason);
      const found = put.map((one) => (one.status === "fulfilled" ? one.value : undefined));
      try {
        submit(found)
          .then((outcome) => {
            resolve(finish(outcome));
            settled();
          }, refuse)
          .catch(refuse);
      } catch (error) {
        refuse(error); // The message that waits for this turn gets its own all the same.
      }
    });
    for (const sender of senders) turns.set(sender, turn);
    void turn.then(() => {
      for (const sender of senders) if (turns.get(sender) === turn) turns.delete(sender);
    });
    return promise;
  }

  /** Gives the room back when it is called. */
  async function readNamed(drafts: readonly Draft[]): Promise<() => void> {
    let bytes = 0;
    const wanted = drafts.flatMap((draft) => {
      const found = draft.file === undefined ? undefined : parts.findNamed(draft.from, draft.file);
      if (found === undefined || found.bytes > parts.toldBytesMax) return [];
      if (bytes + found.bytes > namedAtOnceBytesMax) return [];
      bytes += found.bytes;
      return [{ draft, found }];
    });
    if (wanted.length === 0) return () => {};
    await room.take(bytes);
    for (const { draft, found } of wanted) {
      const content = await files.readBytes(found);
      if (content !== undefined) read.set(draft, content);
    }
    return () => room.give(bytes);
  }

  function putOf({ content, type, asBase64 = false }: Draft): Promise<MessageFile> | undefined {
    return isLarge(content, bytesMin) ? files.put({ kind: kindOfType(type), content, asBase64 }) : undefined;
  }

  return { concerns: (drafts) => drafts.some(concernsOne), concernsOne, append, bytesOf: (draft) => read.get(draft) };
}

/** So many bytes, for those who ask first. */
class Room {
  #left: number;
  readonly #waiting: { readonly bytes: number; readonly taken: () => void }[] = [];

  constructor(bytes: number) {
    this.#left = bytes;
  }

  /** No more than there are in all. */
  take(bytes: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ bytes, taken: resolve });
    this.#next();
    return promise;
  }

  give(bytes: number): void {
    this.#left += bytes;
    this.#next();
  }

  #next(): void {
    for (let first = this.#waiting[0]; first !== undefined && first.bytes <= this.#left; first = this.#waiting[0]) {
      this.#left -= first.bytes;
      this.#waiting.shift();
      first.taken();
    }
  }
}

/** By the bytes that were sent. */
const isLarge = (content: string | Uint8Array, bytesMin: number): boolean =>
  (typeof content === "string" ? Buffer.byteLength(content) : content.byteLength) >= bytesMin;
