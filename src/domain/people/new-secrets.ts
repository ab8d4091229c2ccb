/**
 * Makes generated secrets. It is separate from `secrets.ts`, since the store's changes use that file and may not use
 * randomness.
 */

/** `prefix` tells a person what the string is for; the rest is 192 random bits in base64url. */
export function newSecret(prefix: string): string {
  const bytes = crypto.getRandomValues(new Uint8Array(24));
  return `${prefix}_${Buffer.from(bytes).toString("base64url")}`;
}
