/**
 * What users take of the disk: their messages, files, uploads and retained messages. The table `user_disk` has a number for
 * each user. Triggers of the migration keep it, for all that is changed, given back and removed. New messages alone are
 * counted here, and written once for each batch and sender, since a trigger for each would cost more than a tenth.
 */
import type { Database } from "bun:sqlite";
import { DomainError } from "../../../domain/errors.ts";

/** What each user who has a share may take; 0: no limit. */
export const selectShare = "SELECT next bytes FROM sequence WHERE name = 'disk_share'";
export const selectTaken = "SELECT bytes FROM user_disk WHERE user_id = ?";

export interface Bytes {
  readonly bytes: number;
}

/** The row of a message, with its places in the indexes. The triggers have the same number. */
const rowBytes = 200;

/** As the triggers count it when the message goes. A type is null where it is the kind's own name. */
export function messageBytes(
  content: string | Uint8Array | null,
  type: string | null,
  clientId: string | undefined,
): number {
  let bytes = rowBytes;
  if (typeof content === "string") bytes += Buffer.byteLength(content);
  else if (content !== null) bytes += content.byteLength;
  if (type !== null) bytes += Buffer.byteLength(type);
  if (clientId !== undefined) bytes += Buffer.byteLength(clientId);
  return bytes;
}

/** The same of a text for one recipient of a message. */
export const textBytes = (text: string): number => 50 + Buffer.byteLength(text);

/** Of one user, in this batch. */
interface Account {
  /** Of messages that are not in the table yet. */
  pending: number;
  /** The table says no more than this; undefined where that is not known. */
  storedMost: number | undefined;
  /** What triggers counted since is not in `storedMost`, unless this is `DiskUsage`'s own. */
  version: number;
}

export class DiskUsage {
  readonly #select;
  readonly #add;
  readonly #selectShare;
  readonly #accounts = new Map<number, Account>();
  #version = 0;
  /** Of each user whom it binds; 0: they have no limit. */
  #shareBytes: number | undefined;

  constructor(db: Database) {
    this.#select = db.prepare<Bytes, [number]>(selectTaken);
    this.#add = db.prepare("UPDATE user_disk SET bytes = bytes + ? WHERE user_id = ?");
    this.#selectShare = db.prepare<Bytes, []>(selectShare);
  }

  /** To `count` a new message of this user. */
  of(userId: number): Account {
    const known = this.#accounts.get(userId);
    if (known !== undefined) return known;
    const account: Account = { pending: 0, storedMost: undefined, version: this.#version };
    this.#accounts.set(userId, account);
    return account;
  }

  count(account: Account, bytes: number): void {
    account.pending += bytes;
  }

  /**
   * Throws `share_full` where a user whom the share binds would take more than that. `added`: so much of it triggers will
   * count. The table is read when what is known of this batch does not say that there is room.
   */
  require(userId: number, bytes: number, added: number): void {
    this.#shareBytes ??= this.#selectShare.get()?.bytes ?? 0;
    const share = this.#shareBytes;
    if (share === 0) return;
    const account = this.of(userId);
    const { pending, storedMost } = account;
    if (account.version !== this.#version || storedMost === undefined || storedMost + pending + bytes > share) {
      const stored = this.#select.get(userId)?.bytes ?? 0;
      account.storedMost = stored;
      account.version = this.#version;
      const taken = stored + pending;
      if (taken + bytes > share) {
        throw new DomainError("share_full", `${taken} of ${share} bytes are taken, and this needs ${bytes}`);
      }
    }
    if (added > 0) account.storedMost = undefined;
  }

  /** Triggers count something for which no change required room. */
  countedElsewhere(): void {
    this.#version += 1;
  }

  /** Before the commit, and where what follows may be undone. */
  flush(): void {
    for (const [userId, { pending }] of this.#accounts) if (pending > 0) this.#add.run(pending, userId);
    this.discard();
  }

  /** What was not flushed was undone. */
  discard(): void {
    if (this.#accounts.size > 0) this.#accounts.clear();
  }

  shareChanged(): void {
    this.#shareBytes = undefined;
  }
}
