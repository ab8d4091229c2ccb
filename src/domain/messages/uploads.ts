/**
 * Uploads: content that a user sends ahead of the message that will name it. Of one upload one piece is written at a time;
 * a newer one ends the one before it, whose connection is as a rule dead.
 */
import { randomBytes } from "node:crypto";
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import { DomainError } from "../errors.ts";
import type { UserId } from "../model.ts";
import type { Store } from "../store.ts";
import type { OwnUpload, Upload } from "./upload-store.ts";

/** A message must name it within this time. */
export const uploadLifetimeMs = 86_400_000;
/** Of one user at a time. */
const uploadsMax = 1000;
const nameCharactersMax = 255;
/** What was written is kept after so many bytes, so that a crash costs no more. */
const keepEveryBytes = 8 * 1024 * 1024;
/** From one look for uploads whose time is over to the next. */
const lookEveryMs = 60_000;
const endedAtOnce = 100;

/** The type as RFC 6838 § 4.2 has it, with parameters. */
const mediaType = /^[a-z0-9][a-z0-9!#$&^_.+-]*\/[a-z0-9][a-z0-9!#$&^_.+-]*(?:\s*;[\x20-\x7e]*)?$/i;

export interface Declared {
  readonly bytes: number;
  readonly type: string | undefined;
  readonly name: string | undefined;
}

/** A piece of an upload, as it comes. */
export interface Piece {
  readonly offset: number;
  readonly bytes: number;
  /** Not read where the piece is refused. */
  readonly content: PieceReader | undefined;
}

export interface PieceReader {
  /** Undefined at the end, and after `cancel`. Throws where the rest will not come. */
  next(): Promise<Uint8Array | undefined>;
  cancel(): void;
}

export type Appended =
  | { readonly is: "kept"; readonly upload: Upload }
  /** It does not begin where the upload ends. */
  | { readonly is: "elsewhere"; readonly upload: Upload }
  /** Another request has gone on with the upload. */
  | { readonly is: "overtaken" };

export type Uploads = ReturnType<typeof createUploads>;

export function createUploads({
  store,
  clock,
  log,
  bytesMax,
}: {
  store: Store;
  clock: Clock;
  log: Log;
  bytesMax: number;
}) {
  /** Who writes to an upload just now. */
  const writers = new Map<string, Writer>();
  let lookedAtMs = clock.monotonicMs() - lookEveryMs;
  let looking = false;

  /** Throws `invalid_message`, `message_too_large`, `share_full`, `storage_full`, `busy`, `user_disabled`. */
  async function open(userId: UserId, { bytes, type, name }: Declared): Promise<Upload> {
    if (bytes === 0) throw new DomainError("invalid_message", "a file has at least one byte");
    if (bytes > bytesMax) throw new DomainError("message_too_large", `a file has at most ${bytesMax} bytes here`);
    if (type !== undefined && !(type.length <= 128 && mediaType.test(type))) {
      throw new DomainError("invalid_message", "the Content-Type is no media type of at most 128 characters");
    }
    if (name !== undefined && !isFileName(name)) {
      throw new DomainError(
        "invalid_message",
        `a name has 1 to ${nameCharactersMax} characters, no slash and no control`,
      );
    }
    const uploadId = `up_${randomBytes(16).toString("hex")}`;
    return store.openUpload({ userId, uploadId, bytes, type, name, lifetimeMs: uploadLifetimeMs, uploadsMax });
  }

  /** Throws `file_not_found`. */
  async function get(own: OwnUpload): Promise<Upload> {
    const upload = await store.findUpload(own);
    if (upload === undefined) throw new DomainError("file_not_found");
    return upload;
  }

  /** Throws `file_not_found`, `invalid_message` for a piece that is too long, `storage_full`, `busy`, and what `content` throws. */
  async function append(own: OwnUpload, piece: Piece): Promise<Appended> {
    const { uploadId } = own;
    await get(own);
    for (let before = writers.get(uploadId); before !== undefined; before = writers.get(uploadId)) {
      before.overtaken = true;
      before.content?.cancel();
      await before.ended.promise;
    }
    const writer: Writer = { content: piece.content, overtaken: false, ended: Promise.withResolvers<void>() };
    writers.set(uploadId, writer);
    try {
      return await write(own, piece, writer);
    } finally {
      writers.delete(uploadId);
      writer.ended.resolve();
    }
  }

  async function write(own: OwnUpload, { offset, bytes, content }: Piece, writer: Writer): Promise<Appended> {
    const { uploadId } = own;
    const upload = await get(own);
    if (offset !== upload.offset) return { is: "elsewhere", upload };
    if (offset + bytes > upload.bytes) {
      throw new DomainError("invalid_message", `the upload has ${upload.bytes} bytes, and this goes beyond them`);
    }
    if (upload.complete) return { is: "kept", upload };
    let at = offset;
    let kept = offset;
    try {
      for (let chunk = await content?.next(); chunk !== undefined; chunk = await content?.next()) {
        await store.writeUpload(uploadId, at, chunk);
        at += chunk.byteLength;
        if (at - kept < keepEveryBytes || at >= upload.bytes) continue;
        await store.keepUpload({ ...own, offset: at });
        kept = at;
      }
    } catch (error) {
      // Where that fails too, the upload goes on from where it was kept before.
      if (at > kept) await store.keepUpload({ ...own, offset: at }).catch(() => {});
      throw error;
    }
    const now = at > kept || at === upload.bytes ? await store.keepUpload({ ...own, offset: at }) : await get(own);
    return writer.overtaken && !now.complete ? { is: "overtaken" } : { is: "kept", upload: now };
  }

  /** Throws `file_not_found`. */
  async function end(own: OwnUpload): Promise<void> {
    if (!(await store.endUpload(own))) throw new DomainError("file_not_found");
  }

  /** Looks for uploads whose time is over, now and then; called often. */
  async function endExpired(): Promise<void> {
    if (looking || clock.monotonicMs() - lookedAtMs < lookEveryMs) return;
    looking = true;
    lookedAtMs = clock.monotonicMs();
    try {
      while ((await store.endExpiredUploads()) >= endedAtOnce) await new Promise(setImmediate);
    } catch (error) {
      log.warn("uploads whose time is over could not be removed", { error });
    } finally {
      looking = false;
    }
  }

  return { open, get, append, end, endExpired };
}

interface Writer {
  readonly content: PieceReader | undefined;
  overtaken: boolean;
  readonly ended: PromiseWithResolvers<void>;
}

/** Shown to other users, and in a header. */
const isFileName = (name: string): boolean =>
  name !== "" && name.length <= nameCharactersMax && name.isWellFormed() && !/[/\\\p{Cc}]/u.test(name);
