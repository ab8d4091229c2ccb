/** Derives from a password the keys that SCRAM-SHA-256 checks it by (RFC 5802 § 3, RFC 7677). */
import { createHash, createHmac, pbkdf2 } from "node:crypto";
import { saslprep } from "../../lib/saslprep.ts";

/** What SCRAM-SHA-256 needs to check a password that the server never receives (RFC 5802 § 3). */
export interface ScramKeys {
  readonly salt: Uint8Array;
  readonly iterations: number;
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
}

const saltBytes = 16;

function derive(password: string, salt: Uint8Array, iterations: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    pbkdf2(password, salt, iterations, 32, "sha256", (error, key) => (error === null ? resolve(key) : reject(error)));
  });
}

/**
 * The server pays once, when a password is set. The client pays at each connect, since no other party may do the work.
 * A low count makes it cheap to guess chosen passwords offline from a stolen database: 200,000 rounds take as long as
 * argon2id (26 ms where it was measured), though less memory. Generated passwords have 192 random bits, which cannot be
 * guessed, and their owners may be microcontrollers: they get the least that RFC 7677 § 4 allows.
 */
export const scramIterations = { chosen: 200_000, generated: 4096 } as const;

/** Undefined where the password has characters that SASLprep does not allow. */
export async function deriveScramKeys(
  password: string,
  kind: keyof typeof scramIterations,
  salt: Uint8Array = crypto.getRandomValues(new Uint8Array(saltBytes)),
): Promise<ScramKeys | undefined> {
  const prepared = saslprep(password);
  if (prepared === undefined) return undefined;
  const iterations = scramIterations[kind];
  const salted = await derive(prepared, salt, iterations);
  const clientKey = createHmac("sha256", salted).update("Client Key").digest();
  return {
    salt,
    iterations,
    storedKey: createHash("sha256").update(clientKey).digest(),
    serverKey: createHmac("sha256", salted).update("Server Key").digest(),
  };
}
