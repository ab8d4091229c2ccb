/** A request's body as a bounded JSON value: its bytes, its depth and the number of its values are limited; UTF-8 is strict. */
import type { Bodies } from "./bodies.ts";
import { badRequest, compressed, Refusal, tooLarge } from "./errors.ts";
import type { RestLimits } from "./limits.ts";

export type JsonLimits = Pick<RestLimits, "jsonDepthMax" | "jsonValuesMax">;

export interface BodyLimits extends JsonLimits, Pick<RestLimits, "bodyBytesMax"> {
  readonly bodies: Bodies;
  /** The body must say itself who sends it. */
  readonly ofStranger?: boolean;
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** The JSON value in the body, whatever its Content-Type; undefined where there is no body. */
export async function readJson(request: Request, limits: BodyLimits): Promise<unknown> {
  return (await readDocument(request, limits)).value;
}

export interface JsonDocument {
  readonly value: unknown;
  /** As it was sent: signatures are over the text. */
  readonly text: string;
}

export async function readDocument(request: Request, limits: BodyLimits): Promise<JsonDocument> {
  const bytes = await readBytes(request, limits);
  return bytes.byteLength === 0 ? { value: undefined, text: "" } : parseDocument(bytes, limits);
}

/** Throws a refusal where the body is too large, or where there is no room for it now. */
export async function readBytes(
  request: Request,
  { bodyBytesMax, bodies, ofStranger = false }: Pick<BodyLimits, "bodyBytesMax" | "bodies" | "ofStranger">,
): Promise<Uint8Array> {
  const { body } = request;
  if (body === null) return new Uint8Array();
  refuseCompressed(request);
  const announced = request.headers.get("content-length");
  const bytes = announced === null ? bodyBytesMax : Number(announced);
  if (bytes > bodyBytesMax) throw overlong(bodyBytesMax);
  return bodies.read(request, bytes, ofStranger, () => readWhole(request, body, announced !== null, bodyBytesMax));
}

async function readWhole(
  request: Request,
  body: ReadableStream<Uint8Array>,
  isAnnounced: boolean,
  bytesMax: number,
): Promise<Uint8Array> {
  try {
    if (isAnnounced) {
      const bytes = await request.bytes();
      if (bytes.byteLength > bytesMax) throw overlong(bytesMax);
      return bytes;
    }
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of body) {
      length += chunk.byteLength;
      if (length > bytesMax) throw overlong(bytesMax);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  } catch (error) {
    if (error instanceof Refusal) throw error;
    // The client broke off or gave a wrong length: it will not read this, and the server is not at fault.
    throw new Refusal(badRequest, "the body could not be read");
  }
}

/** A body is taken as it is sent: a small one could otherwise become a large one here. */
export function refuseCompressed(request: Request): void {
  const coding = request.headers.get("content-encoding")?.trim().toLowerCase() ?? "";
  if (coding !== "" && coding !== "identity") throw new Refusal(compressed, "send the body without Content-Encoding");
}

const overlong = (bytesMax: number) => new Refusal(tooLarge, `the body is over ${bytesMax} bytes`);

export const parseJson = (bytes: Uint8Array, limits: JsonLimits): unknown => parseDocument(bytes, limits).value;

function parseDocument(bytes: Uint8Array, limits: JsonLimits): JsonDocument {
  checkShape(bytes, limits);
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    throw new Refusal(badRequest, "the body is not UTF-8");
  }
  try {
    return { value: JSON.parse(text), text };
  } catch {
    throw new Refusal(badRequest, "the body is not JSON");
  }
}

const quote = 0x22;
const backslash = 0x5c;

/** Counts brackets and commas outside strings before anything is built from them. */
function checkShape(bytes: Uint8Array, limits: JsonLimits): void {
  let depth = 0;
  let values = 1;
  for (let at = 0; at < bytes.length; at += 1) {
    switch (bytes[at]) {
      case quote:
        at = endOfString(bytes, at);
        break;
      case 0x5b: // [
      case 0x7b: // {
        depth += 1;
        values += 1;
        if (depth > limits.jsonDepthMax) throw new Refusal(badRequest, "the JSON is nested too deeply");
        break;
      case 0x5d: // ]
      case 0x7d: // }
        depth -= 1;
        break;
      case 0x2c: // ,
        values += 1;
        break;
    }
    if (values > limits.jsonValuesMax) throw new Refusal(badRequest, "the JSON holds too many values");
  }
}

/** The end of the string that opens at `from`: its closing quote, or the end of the bytes. */
function endOfString(bytes: Uint8Array, from: number): number {
  let at = from;
  for (;;) {
    at = bytes.indexOf(quote, at + 1);
    if (at === -1) return bytes.length;
    let escapes = 0;
    while (bytes[at - 1 - escapes] === backslash) escapes += 1;
    if (escapes % 2 === 0) return at;
  }
}
