/**
 * Chosen passwords, hashed with argon2id (19 MiB, 2 passes, 1 lane). Each hash takes tens of milliseconds and memory of
 * its own, so only a few run at once and a bounded queue waits. Beyond that the answer is `busy`.
 */
import { cpus } from "node:os";
import { DomainError } from "../errors.ts";
import { deriveScramKeys, type ScramKeys, type scramIterations } from "./scram-keys.ts";

/** What hashing a password costs, which is also the cost of one guess. */
export interface PasswordCost {
  readonly memoryKib: number;
  readonly passes: number;
  readonly scram: keyof typeof scramIterations;
}

const properCost: PasswordCost = { memoryKib: 19_456, passes: 2, scram: "chosen" };
const queueMax = 256;
/** Longer input is refused before it is hashed. */
export const passwordBytesMax = 1024;

export interface Passwords {
  hash(password: string): Promise<string>;
  /** Takes as long whether `hash` is given or not, so timing does not reveal an unknown account. */
  verify(password: string, hash: string | undefined): Promise<boolean>;
  /** Gives the keys for SCRAM-SHA-256; undefined where the password has characters that SCRAM does not allow. */
  scramKeys(password: string): Promise<ScramKeys | undefined>;
}

/** @param cost lower only in tests, which make many users whose passwords are no secrets */
export function createPasswords(atOnceMax = Math.max(1, cpus().length - 1), cost = properCost): Passwords {
  const parameters = { algorithm: "argon2id", memoryCost: cost.memoryKib, timeCost: cost.passes } as const;
  let running = 0;
  const waiting: (() => void)[] = [];

  async function bounded<T>(work: () => Promise<T>): Promise<T> {
    if (running >= atOnceMax) {
      if (waiting.length >= queueMax) throw new DomainError("busy", "too many logins at once");
      await new Promise<void>((resolve) => waiting.push(resolve));
    } else {
      running += 1;
    }
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next(); // passes its slot on
    }
  }

  let decoy: Promise<string> | undefined;
  async function verify(password: string, hash: string | undefined): Promise<boolean> {
    if (Buffer.byteLength(password) > passwordBytesMax) return false;
    if (hash !== undefined) return bounded(() => Bun.password.verify(password, hash));
    decoy ??= bounded(() => Bun.password.hash("nobody", parameters));
    const nobody = await decoy.catch((error: unknown) => {
      decoy = undefined; // Made again when there is room; a refusal is not cached.
      throw error;
    });
    await bounded(() => Bun.password.verify(password, nobody));
    return false;
  }

  return {
    hash: (password) => bounded(() => Bun.password.hash(password, parameters)),
    verify,
    scramKeys: (password) => bounded(() => deriveScramKeys(password, cost.scram)),
  };
}
