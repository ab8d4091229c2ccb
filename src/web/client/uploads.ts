/**
 * A file on its way to the server, in pieces: what broke off goes on where the server says it stopped. See the
 * documents on files, § Upload.
 */
import { countOf, parseFields, textOf } from "./json.ts";

export interface UploadParts {
  /** `https://host:port`, or "" for the page's own server. */
  readonly base: string;
  readonly token: string;
  readonly blob: Blob;
  readonly type: string;
  readonly name?: string | undefined;
  /** What was begun earlier. */
  readonly uploadId?: string | undefined;
  readonly signal: AbortSignal;
  readonly begun: (uploadId: string) => Promise<void>;
  /** 0 to 1. */
  readonly progress: (share: number) => void;
  /** Milliseconds before the next try after a failure. */
  readonly retryMs: number;
  readonly fetch: (address: string, init: RequestInit) => Promise<Response>;
}

/** `file`: what a message may name. `later`: the log-in does not count at present. */
export type Uploaded = { readonly file: string } | { readonly reason: string } | "later" | "ended";

const pieceBytes = { least: 64 * 1024, first: 256 * 1024, most: 4 * 1024 * 1024 };
/** A piece that took less is followed by a larger one. */
const swiftMs = 1_000;
const retryMsMax = 30_000;

const refusals: Readonly<Record<number, string>> = { 413: "Too large", 415: "Not accepted", 507: "Storage full" };

type Step =
  | { readonly offset: number }
  | { readonly gone: true }
  | { readonly reason: string }
  | { readonly waitMs: number }
  | "later";

export async function upload(parts: UploadParts): Promise<Uploaded> {
  const { blob, signal } = parts;
  let { uploadId } = parts;
  let offset: number | undefined;
  let piece = pieceBytes.first;
  let failures = 0;
  while (!signal.aborted) {
    const started = performance.now();
    const step: Step =
      uploadId === undefined
        ? await begin(parts, async (id) => {
            uploadId = id;
            await parts.begun(id);
          })
        : offset === undefined
          ? await askOffset(parts, uploadId)
          : await sendPiece(parts, uploadId, offset, piece);
    if (step === "later") return "later";
    if ("reason" in step) return step;
    if ("gone" in step) {
      uploadId = undefined;
      offset = undefined;
      await pause(Math.min(parts.retryMs * 2 ** Math.min(failures, 16), retryMsMax), signal);
      failures += 1;
      continue;
    }
    if ("waitMs" in step) {
      failures += 1;
      // Where a piece broke off, the server knows more than this client.
      offset = undefined;
      piece = Math.max(pieceBytes.least, piece / 2);
      const ms = Math.max(step.waitMs, Math.min(parts.retryMs * 2 ** Math.min(failures, 16), retryMsMax));
      await pause(ms, signal);
      continue;
    }
    if (step.offset > blob.size) return { reason: "Internal error" };
    const gained = step.offset - (offset ?? step.offset);
    if (gained > 0) failures = 0;
    offset = step.offset;
    parts.progress(blob.size === 0 ? 1 : offset / blob.size);
    if (offset === blob.size && uploadId !== undefined) return { file: uploadId };
    if (gained > 0 && performance.now() - started < swiftMs) piece = Math.min(pieceBytes.most, piece * 2);
  }
  if (uploadId !== undefined) void ask(parts, "DELETE", `/${uploadId}`).catch(() => {});
  return "ended";
}

async function begin(parts: UploadParts, begun: (id: string) => Promise<void>): Promise<Step> {
  const query = parts.name === undefined ? "" : `?name=${encodeURIComponent(shortName(parts.name))}`;
  const headers = { "content-type": parts.type, "upload-length": String(parts.blob.size) };
  return read(parts, "POST", query, { headers, body: "" }, async (answer) => {
    const id = textOf(parseFields(await answer.text())?.["file"]);
    if (id === undefined) return { reason: "Internal error" };
    await begun(id);
    return { offset: 0 };
  });
}

const askOffset = (parts: UploadParts, uploadId: string): Promise<Step> =>
  read(parts, "HEAD", `/${uploadId}`, {}, offsetOf);

const sendPiece = (parts: UploadParts, uploadId: string, offset: number, bytes: number): Promise<Step> =>
  read(
    parts,
    "PATCH",
    `/${uploadId}`,
    { headers: { "upload-offset": String(offset) }, body: parts.blob.slice(offset, offset + bytes) },
    async (answer) => {
      const fields = parseFields(await answer.text());
      const next = countOf(fields?.["offset"]);
      return next === undefined ? offsetOf(answer) : { offset: next };
    },
  );

async function offsetOf(answer: Response): Promise<Step> {
  const header = answer.headers.get("upload-offset");
  const offset = header === null ? undefined : countOf(Number(header));
  return offset === undefined ? { reason: "Internal error" } : { offset };
}

async function read(
  parts: UploadParts,
  method: string,
  path: string,
  init: RequestInit,
  taken: (answer: Response) => Promise<Step>,
): Promise<Step> {
  try {
    const answer = await ask(parts, method, path, init);
    if (answer.ok) return await taken(answer);
    if (answer.status === 409) return await offsetOf(answer);
    if (answer.status === 404) return { gone: true };
    if (answer.status === 401 || answer.status === 403) return "later";
    const reason = refusals[answer.status];
    if (reason !== undefined) return { reason };
    const seconds = Number(answer.headers.get("retry-after"));
    return { waitMs: Number.isFinite(seconds) ? Math.min(seconds * 1000, 600_000) : 0 };
  } catch {
    return { waitMs: 0 };
  }
}

const ask = ({ base, token, signal, fetch }: UploadParts, method: string, path: string, init: RequestInit = {}) =>
  fetch(`${base}/_/files${path}`, {
    ...init,
    method,
    headers: { authorization: `Bearer ${token}`, ...(init.headers as Record<string, string> | undefined) },
    ...(method === "DELETE" ? {} : { signal }),
  });

/** As long as the server keeps it, with its ending. */
function shortName(name: string): string {
  const characters = [...name.toWellFormed()];
  if (characters.length <= 200) return characters.join("");
  return [...characters.slice(0, 180), ...characters.slice(-20)].join("");
}

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
  });
