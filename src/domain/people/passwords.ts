/**
 * Chosen passwords, hashed with argon2id (19 MiB, 2 passes, 1 lane). Each hash takes tens of milliseconds and memory of
 * its own, so only a few run at once and a bounded queue waits. Beyond that the answer is `busy`.
 */
import { cpus } from "node:os";
import { DomainError } from "../errors.ts";
import { type Asker, createHashQueue } from "./hash-queue.ts";
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
export const passwordCharactersMin = 8;

/** Work that the operator asks for. */
export const byOperator: Asker = { network: "operator", account: "operator" };

export interface Passwords {
  /** Throws where a new password must not be this one: `empty_name_or_password`, `password_too_short`, `invalid_name`. */
  accept(password: string): void;
  hash(password: string, asker: Asker): Promise<string>;
  /** Takes as long whether `hash` is given or not, so timing does not reveal an unknown account. */
  verify(password: string, hash: string | undefined, asker: Asker): Promise<boolean>;
  /** Gives the keys for SCRAM-SHA-256; undefined where the password has characters that SCRAM does not allow. */
  scramKeys(password: string, asker: Asker): Promise<ScramKeys | undefined>;
}

export function createPasswords(
  how: {
    readonly atOnceMax?: number;
    /** Lower only in tests, which make many users whose passwords are no secrets. */
    readonly cost?: PasswordCost | undefined;
    /** Of a password that is set from now on. */
    readonly charactersMin?: number;
  } = {},
): Passwords {
  const { atOnceMax = Math.max(1, cpus().length - 1), cost = properCost, charactersMin = passwordCharactersMin } = how;
  const parameters = { algorithm: "argon2id", memoryCost: cost.memoryKib, timeCost: cost.passes } as const;
  const queue = createHashQueue({ atOnceMax, waitingMax: queueMax });

  let decoy: Promise<string> | undefined;
  async function verify(password: string, hash: string | undefined, asker: Asker): Promise<boolean> {
    if (Buffer.byteLength(password) > passwordBytesMax) return false;
    if (hash !== undefined) return queue.run(asker, () => Bun.password.verify(password, hash));
    decoy ??= queue.run(asker, () => Bun.password.hash("nobody", parameters));
    const nobody = await decoy.catch((error: unknown) => {
      decoy = undefined; // Made again when there is room; a refusal is not cached.
      throw error;
    });
    await queue.run(asker, () => Bun.password.verify(password, nobody));
    return false;
  }

  return {
    accept(password) {
      if (password === "") throw new DomainError("empty_name_or_password");
      if (Buffer.byteLength(password) > passwordBytesMax) throw new DomainError("invalid_name", "password too long");
      if ([...password].length < charactersMin) {
        throw new DomainError("password_too_short", `it needs ${charactersMin} characters`);
      }
    },
    hash: (password, asker) => queue.run(asker, () => Bun.password.hash(password, parameters)),
    verify,
    scramKeys: (password, asker) => queue.run(asker, () => deriveScramKeys(password, cost.scram)),
  };
}
