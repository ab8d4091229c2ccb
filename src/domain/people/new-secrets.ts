/** Makes generated secrets. Apart from `secrets.ts`, whose rules the store's changes share: nothing there is random. */

/** `prefix` tells a person what the string is for; the rest is 192 random bits in base64url. */
export function newSecret(prefix: string): string {
  const bytes = crypto.getRandomValues(new Uint8Array(24));
  return `${prefix}_${Buffer.from(bytes).toString("base64url")}`;
}
