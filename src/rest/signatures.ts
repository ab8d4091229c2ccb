/**
 * Signatures of requests (R21): RSASSA-PKCS1-v1_5 over SHA-256, in hex or base64. The text as it was sent is
 * verified first; then other spellings of the same value, which some clients sign.
 */
import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { badRequest, Refusal, unsigned } from "./errors.ts";

/** Other spellings are tried only of texts up to this length: making them takes the event loop's time. */
const respelledCharactersMax = 1024 * 1024;
/** A 16,384-bit signature in hex. */
export const signatureCharactersMax = 4096;

const keys = new WeakMap<Uint8Array, KeyObject>();

/** Verifies beside the event loop. Throws a refusal where none of the texts was signed. */
export async function requireSignature(
  spki: Uint8Array,
  signature: string | undefined,
  texts: Iterable<string>,
): Promise<void> {
  if (signature === undefined) throw unsigned("sign is missing");
  const key = keyOf(spki);
  const bytes = signatureBytes(signature, (key.asymmetricKeyDetails?.modulusLength ?? 0) / 8);
  const tried = new Set<string>();
  for (const text of texts) {
    if (tried.has(text)) continue;
    tried.add(text);
    if (await isSigned(key, text, bytes)) return;
  }
  throw unsigned("sign does not match");
}

/** The spellings of a signed value; each is made when the one before does not match. */
export function* spellings(text: string, value: unknown): Iterable<string> {
  yield text;
  if (text.length > respelledCharactersMax) return;
  yield JSON.stringify(value);
  yield JSON.stringify(sorted(value));
}

function keyOf(spki: Uint8Array): KeyObject {
  const known = keys.get(spki);
  if (known !== undefined) return known;
  const key = createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
  keys.set(spki, key);
  return key;
}

function signatureBytes(text: string, length: number): Buffer {
  if (text.length === 2 * length && /^[0-9a-fA-F]+$/.test(text)) return Buffer.from(text, "hex");
  const bytes = /^[A-Za-z0-9+/_-]+={0,2}$/.test(text) ? Buffer.from(text, "base64") : Buffer.alloc(0);
  if (bytes.byteLength !== length) throw unsigned("sign is not a signature of this key, in hex or base64");
  return bytes;
}

function isSigned(key: KeyObject, text: string, signature: Uint8Array): Promise<boolean> {
  return new Promise((resolve, reject) => {
    verify("sha256", Buffer.from(text), key, signature, (error, right) => {
      if (error === null) resolve(right);
      else reject(error);
    });
  });
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return Object.fromEntries(entries.map(([name, inner]) => [name, sorted(inner)]));
}

/**
 * The text of one member of a JSON object, as it stands there. `json` has been parsed, so it is well-formed. A name that
 * stands there twice is refused, since readers disagree over which one counts.
 */
export function memberText(json: string, name: string): string | undefined {
  let found: string | undefined;
  let at = skipSpace(json, 0);
  if (json[at] !== "{") return undefined;
  at = skipSpace(json, at + 1);
  while (json[at] === '"') {
    const keyEnd = stringEnd(json, at);
    const key: unknown = JSON.parse(json.slice(at, keyEnd));
    const start = skipSpace(json, skipSpace(json, keyEnd) + 1);
    const end = valueEnd(json, start);
    if (key === name) {
      if (found !== undefined) throw new Refusal(badRequest, `${name} stands there twice`);
      found = json.slice(start, end);
    }
    at = skipSpace(json, end);
    if (json[at] === ",") at = skipSpace(json, at + 1);
  }
  return found;
}

function skipSpace(json: string, from: number): number {
  let at = from;
  while (json[at] === " " || json[at] === "\n" || json[at] === "\r" || json[at] === "\t") at += 1;
  return at;
}

/** Behind the closing quote of the string that opens at `from`. */
function stringEnd(json: string, from: number): number {
  let at = from + 1;
  while (at < json.length && json[at] !== '"') at += json[at] === "\\" ? 2 : 1;
  return at + 1;
}

function valueEnd(json: string, from: number): number {
  const first = json[from];
  if (first === '"') return stringEnd(json, from);
  let at = from;
  if (first !== "{" && first !== "[") {
    while (at < json.length && !/[\s,}\]]/.test(json[at] ?? "")) at += 1;
    return at;
  }
  let depth = 0;
  do {
    const character = json[at];
    if (character === '"') {
      at = stringEnd(json, at);
      continue;
    }
    if (character === "{" || character === "[") depth += 1;
    else if (character === "}" || character === "]") depth -= 1;
    at += 1;
  } while (depth > 0 && at < json.length);
  return at;
}
