/** Generated secrets: opaque, at least 128 random bits, stored and looked up by their SHA-256. */
import { timingSafeEqual } from "node:crypto";

export const hashSecret = (secret: string): Uint8Array => new Bun.CryptoHasher("sha256").update(secret).digest();

/**
 * The number of hex digits of a token's hash by which its owner tells tokens apart. The token cannot be found from
 * them.
 */
export const tokenIdCharacters = 16;

export const tokenIdOf = (hash: Uint8Array): string => Buffer.from(hash).toString("hex").slice(0, tokenIdCharacters);

export const equalHashes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.byteLength === b.byteLength && timingSafeEqual(a, b);
