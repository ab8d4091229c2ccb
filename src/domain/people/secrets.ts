/** Generated secrets: opaque, at least 128 random bits, stored and looked up by their SHA-256. */
import { timingSafeEqual } from "node:crypto";

/** At once: an object that takes its input in pieces costs three times as much, and each request has a secret. */
export const hashSecret = (secret: string): Uint8Array => Bun.SHA256.hash(secret) as Uint8Array;

/**
 * The number of hex digits of a token's hash by which its owner tells tokens apart. The token cannot be found from
 * them.
 */
export const tokenIdCharacters = 16;

export const tokenIdOf = (hash: Uint8Array): string => Buffer.from(hash).toString("hex").slice(0, tokenIdCharacters);

export const equalHashes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.byteLength === b.byteLength && timingSafeEqual(a, b);

/** What long-lived tokens begin with. */
export const longTokenPrefix = "rl";

/** Whether a secret looks like a long-lived token. A password may begin like one, so its length counts too. */
export const isLongToken = (secret: string): boolean => secret.startsWith("rl_") && /^rl_[\w-]{32}$/.test(secret);

/** What the secret in the address of a hook begins with. */
export const hookPrefix = "rh";

export const isHookSecret = (secret: string): boolean => /^rh_[\w-]{32}$/.test(secret);

/** Whether a secret looks like an access token or a long-lived one. Nothing else that the server generates begins like this. */
export const isToken = (secret: string): boolean => secret.startsWith("ra_") || isLongToken(secret);
