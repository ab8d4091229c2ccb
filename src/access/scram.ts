/** SCRAM over MQTT: which keys prove whom. The exchange itself is the broker's (`mqtt/connection/scram.ts`). */
import { type ScramKeys, scramIterations } from "../domain/people/scram-keys.ts";
import { createScramSha256 } from "../mqtt/connection/scram.ts";
import type { Authentication, AuthenticationMethod } from "../mqtt/identity.ts";
import type { Account } from "./accounts.ts";

export interface ScramParts {
  readonly secrets: {
    findScramKeys(owner: string): Promise<ScramKeys | undefined>;
    /** The secret of this name; the given one if there is none yet. */
    keepSecret(name: string, secret: Uint8Array): Promise<Uint8Array>;
  };
  /** Whose keys a user name stands for; undefined: nobody's. */
  ownerOf(username: string): Promise<string | undefined>;
  /** The proof was right or wrong: who it is then. */
  conclude(
    client: { readonly username: string; readonly clientId: string; readonly address: string },
    right: boolean,
  ): Promise<Authentication<Account>>;
}

export function createScramMethod({ secrets, ownerOf, conclude }: ScramParts): AuthenticationMethod<Account> {
  let secret: Promise<Uint8Array> | undefined;
  /** Kept on disk, so that what SCRAM makes up of it does not change with a restart. */
  function scramSecret(): Promise<Uint8Array> {
    secret ??= secrets.keepSecret("scram", crypto.getRandomValues(new Uint8Array(32))).catch((error: unknown) => {
      secret = undefined; // A full disk, perhaps; it is asked for again.
      throw error;
    });
    return secret;
  }

  return createScramSha256<Account>({
    accounts: {
      async find(username) {
        const owner = await ownerOf(username);
        return owner === undefined ? undefined : secrets.findScramKeys(owner);
      },
      async conclude(client, right) {
        const answer = await conclude(client, right);
        // A proof is not a password, and the exchange has only one word for no.
        return "refused" in answer && answer.refused === "bad_credentials" ? { refused: "not_authorized" } : answer;
      },
    },
    secret: scramSecret,
    iterations: Object.values(scramIterations),
  });
}
