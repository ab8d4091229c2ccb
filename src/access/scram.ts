/**
 * SCRAM over MQTT: which keys belong to which account. The exchange itself is the broker's
 * (`mqtt/connection/scram.ts`).
 */
import { type ScramKeys, scramIterations } from "../domain/people/scram-keys.ts";
import { createScramSha256 } from "../mqtt/connection/scram.ts";
import type { Authentication, AuthenticationMethod } from "../mqtt/identity.ts";
import type { Account } from "./accounts.ts";

export interface ScramParts {
  readonly secrets: {
    findScramKeys(owner: string): Promise<ScramKeys | undefined>;
    /** Gives the secret of this name; stores and gives the given one where there is none. */
    keepSecret(name: string, secret: Uint8Array): Promise<Uint8Array>;
  };
  /** The owner of the keys that a user name stands for; undefined where there is none. */
  ownerOf(username: string): Promise<string | undefined>;
  /** Called with whether the proof was right; gives the account. */
  conclude(
    client: { readonly username: string; readonly clientId: string; readonly address: string },
    right: boolean,
  ): Promise<Authentication<Account>>;
}

export function createScramMethod({ secrets, ownerOf, conclude }: ScramParts): AuthenticationMethod<Account> {
  let secret: Promise<Uint8Array> | undefined;
  /** Stored on disk, so that the answers SCRAM derives from it for unknown names stay the same after a restart. */
  function scramSecret(): Promise<Uint8Array> {
    secret ??= secrets.keepSecret("scram", crypto.getRandomValues(new Uint8Array(32))).catch((error: unknown) => {
      secret = undefined; // The disk may be full; the next exchange asks again.
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
        // A proof is not a password, and the exchange has only one refusal.
        return "refused" in answer && answer.refused === "bad_credentials" ? { refused: "not_authorized" } : answer;
      },
    },
    secret: scramSecret,
    iterations: Object.values(scramIterations),
  });
}
