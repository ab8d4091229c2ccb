/**
 * `/_/files` and `/_/files/<upload id>`: content that a participant sends ahead of the message that will name it, in one
 * piece or in several (docs/protocols/files.md § Upload). The words are those of the IETF's resumable uploads. Bodies go to
 * the disk as they come: one piece of each is in memory.
 */
import { DomainError } from "../../domain/errors.ts";
import { isUploadId } from "../../domain/messages/file-ids.ts";
import type { Upload } from "../../domain/messages/upload-store.ts";
import type { Piece, PieceReader } from "../../domain/messages/uploads.ts";
import type { UserId } from "../../domain/model.ts";
import { accessToken, refuseUnsigned, requireParticipant } from "../auth.ts";
import { refuseCompressed } from "../body.ts";
import { type Handler, keepOpen, own, queryOf, type RestContext, type RouteParts } from "../context.ts";
import { answerProblem, badRequest, noLength, overtaken, Refusal, wrongOffset } from "../errors.ts";
import { json } from "../json.ts";

/** What one body takes in memory, however long it is: a piece that is written, and one that comes in. */
const windowBytes = 2 * 1024 * 1024;

export function createUploadRoutes({ domain, log, limits, clock, requireSignature }: RouteParts) {
  const { accounts, uploads } = domain;
  const { bodies } = limits;

  async function uploaderOf(c: RestContext): Promise<UserId> {
    const { raw } = c.req;
    const asking = await requireParticipant(accounts, accessToken(raw, queryOf(raw)), c.env);
    refuseUnsigned(requireSignature, asking);
    return asking.user.userId;
  }

  /** What is refused before its body was read leaves a body that is in the way of the next request. */
  const route = (handle: Handler): Handler => {
    const answered = own(log, handle);
    return async (c) => {
      const response = await answered(c);
      if (response.status >= 400 && c.req.raw.body !== null) response.headers.set("Connection", "close");
      return response;
    };
  };

  const create: Handler = route(async (c) => {
    const userId = await uploaderOf(c);
    const { headers } = c.req.raw;
    const piece = pieceBytes(c.req.raw);
    const announced = numberIn(headers, "upload-length");
    if (announced === undefined && headers.get("upload-complete")?.trim() === "?0") {
      throw new Refusal(badRequest, "Upload-Length must say how many bytes there will be");
    }
    const bytes = announced ?? piece;
    if (piece > bytes || (headers.get("upload-complete")?.trim() === "?1" && piece !== bytes)) {
      throw new Refusal(badRequest, `the body has ${piece} bytes, Upload-Length says ${bytes}`);
    }
    const upload = await uploads.open(userId, { bytes, type: typeIn(headers), name: nameIn(c.req.raw) });
    const { uploadId } = upload;
    if (piece === 0) return answer(upload, 201);
    try {
      return await append(c, { userId, uploadId }, { offset: 0, bytes: piece, status: 201 });
    } catch (error) {
      // Its id was not told, so no one can go on with it.
      await uploads.end({ userId, uploadId }).catch(() => {});
      throw error;
    }
  });

  const extend: Handler = route(async (c) => {
    const userId = await uploaderOf(c);
    const uploadId = idOf(c);
    const offset = numberIn(c.req.raw.headers, "upload-offset");
    if (offset === undefined) throw new Refusal(badRequest, "Upload-Offset must say where the body begins");
    return append(c, { userId, uploadId }, { offset, bytes: pieceBytes(c.req.raw), status: 200 });
  });

  async function append(
    c: RestContext,
    upload: { userId: UserId; uploadId: string },
    { offset, bytes, status }: Pick<Piece, "offset" | "bytes"> & { readonly status: number },
  ): Promise<Response> {
    const { raw } = c.req;
    const content = bytes === 0 || raw.body === null ? undefined : readerOf(raw.body, limits.streamIdleSeconds * 1000);
    keepOpen(c, limits.streamIdleSeconds);
    try {
      const done = await bodies.read(raw, Math.min(bytes, windowBytes), false, () =>
        uploads.append(upload, { offset, bytes, content }),
      );
      if (done.is === "kept") return answer(done.upload, status);
      if (done.is === "overtaken") throw new Refusal(overtaken, "another request goes on with this upload");
      const refused = new Refusal(wrongOffset, `the upload goes on at ${done.upload.offset}`);
      return withPlace(answerProblem(refused, log, { method: c.req.method, path: c.req.path }), done.upload);
    } finally {
      // Of a piece that was refused the rest is not read.
      content?.cancel();
    }
  }

  /** Where the upload stands, for those who go on with it; HEAD gives its headers alone. */
  const get: Handler = route(async (c) => {
    const userId = await uploaderOf(c);
    return answer(await uploads.get({ userId, uploadId: idOf(c) }));
  });

  const remove: Handler = route(async (c) => {
    const userId = await uploaderOf(c);
    await uploads.end({ userId, uploadId: idOf(c) });
    return json("{}");
  });

  function answer(upload: Upload, status = 200): Response {
    const { uploadId, bytes, offset, complete, type, name, expiresAtMs } = upload;
    const expires = new Date(clock.wallOf(expiresAtMs)).toISOString();
    const response = json(JSON.stringify({ file: uploadId, bytes, offset, complete, type, name, expires }), status);
    if (status === 201) response.headers.set("Location", `/_/files/${uploadId}`);
    return withPlace(response, upload);
  }

  return { create, extend, get, remove };
}

function withPlace(response: Response, { bytes, offset, complete }: Upload): Response {
  response.headers.set("Upload-Offset", String(offset));
  response.headers.set("Upload-Length", String(bytes));
  response.headers.set("Upload-Complete", complete ? "?1" : "?0");
  return response;
}

/** Another id is told what is told of an upload that does not exist. */
function idOf(c: RestContext): string {
  const id = c.req.param("file") ?? "";
  if (!isUploadId(id)) throw new DomainError("file_not_found");
  return id;
}

/** The length must be known before the body comes, so that what has no room is refused at once. */
function pieceBytes(request: Request): number {
  refuseCompressed(request);
  const length = request.headers.get("content-length");
  if (length === null && request.body !== null) {
    throw new Refusal(noLength, "send the body with its Content-Length, not in chunks of unknown length");
  }
  return Number(length ?? 0);
}

function numberIn(headers: Headers, name: string): number | undefined {
  const text = headers.get(name)?.trim();
  if (text === undefined) return undefined;
  if (!/^\d{1,15}$/.test(text)) throw new Refusal(badRequest, `${name}: not a number of bytes`);
  return Number(text);
}

/** curl calls every body a form, and those who go on with an upload call it a part. */
const noTypes: ReadonlySet<string> = new Set([
  "application/x-www-form-urlencoded",
  "application/partial-upload",
  "application/offset+octet-stream",
]);

function typeIn(headers: Headers): string | undefined {
  const type = headers.get("content-type")?.trim() ?? "";
  return type === "" || noTypes.has(type.toLowerCase()) ? undefined : type;
}

function nameIn(request: Request): string | undefined {
  return queryOf(request)?.get("name") || undefined;
}

function readerOf(body: ReadableStream<Uint8Array>, idleMs: number): PieceReader {
  const reader = body.getReader();
  const cancel = (): void => void reader.cancel().catch(() => {}); // The client is gone, so there is no one to tell.
  return {
    async next() {
      const timer = setTimeout(cancel, idleMs);
      try {
        const { done, value } = await reader.read();
        return done ? undefined : value;
      } catch {
        throw new Refusal(badRequest, "the body broke off; what came of it is kept");
      } finally {
        clearTimeout(timer);
      }
    },
    cancel,
  };
}
