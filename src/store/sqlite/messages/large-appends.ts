/**
 * Messages whose content goes to a file. The file is written and synced before the change that refers to it is submitted,
 * so that no commit waits for it. The messages of one sender are submitted in the order they were sent: small ones wait for
 * the large ones before them. Those of other senders do not wait.
 */
import { kindOfType } from "../../../domain/messages/messages.ts";
import type { Draft, MessageFile, UserId } from "../../../domain/model.ts";
import type { Files } from "../../files/files.ts";

export type PutFile = MessageFile | undefined;

export interface LargeAppends {
  /** Whether one of these is large, or must wait for a large one of the same sender. */
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
}

export function createLargeAppends({ files, bytesMin }: { files: Files; bytesMin: number }): LargeAppends {
  /** Resolves when all messages of a sender so far are submitted. Only senders of recent large messages are here. */
  const turns = new Map<UserId, Promise<unknown>>();

  const concernsOne = ({ content, from }: Draft): boolean =>
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
    const turn = Promise.all([putting, ...senders.map((sender) => turns.get(sender))]).then(([put]) => {
      const settled = (): void => {
        for (const one of put) if (one.status === "fulfilled" && one.value !== undefined) files.settled(one.value);
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

  function putOf({ content, type, asBase64 = false }: Draft): Promise<MessageFile> | undefined {
    return isLarge(content, bytesMin) ? files.put({ kind: kindOfType(type), content, asBase64 }) : undefined;
  }

  return { concerns: (drafts) => drafts.some(concernsOne), concernsOne, append };
}

/** By the bytes that were sent. */
const isLarge = (content: string | Uint8Array, bytesMin: number): boolean =>
  (typeof content === "string" ? Buffer.byteLength(content) : content.byteLength) >= bytesMin;
