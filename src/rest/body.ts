/** A request's body as a bounded JSON value: its bytes, its depth and the number of its values are limited; UTF-8 is strict. */
import { badRequest, Refusal, tooLarge } from "./errors.ts";
import type { RestLimits } from "./limits.ts";

export type BodyLimits = Pick<RestLimits, "bodyBytesMax" | "jsonDepthMax" | "jsonValuesMax">;

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
  const bytes = await readBytes(request, limits.bodyBytesMax);
  return bytes.byteLength === 0 ? { value: undefined, text: "" } : parseDocument(bytes, limits);
}

export async function readBytes(request: Request, bytesMax: number): Promise<Uint8Array> {
  if (request.body === null) return new Uint8Array();
  const announced = request.headers.get("content-length");
  if (announced !== null && Number(announced) > bytesMax) throw overlong(bytesMax);
  try {
    if (announced !== null) {
      const bytes = await request.bytes();
      if (bytes.byteLength > bytesMax) throw overlong(bytesMax);
      return bytes;
    }
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of request.body) {
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

const overlong = (bytesMax: number) => new Refusal(tooLarge, `the body is over ${bytesMax} bytes`);

export const parseJson = (bytes: Uint8Array, limits: BodyLimits): unknown => parseDocument(bytes, limits).value;

function parseDocument(bytes: Uint8Array, limits: BodyLimits): JsonDocument {
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
function checkShape(bytes: Uint8Array, limits: BodyLimits): void {
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
