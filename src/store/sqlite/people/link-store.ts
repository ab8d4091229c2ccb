/** The ways into an account: what is read of them, and changes sent to the writer. */
import type { Database } from "bun:sqlite";
import { DomainError } from "../../../domain/errors.ts";
import { credentialKinds, type LinkStore } from "../../../domain/people/link-store.ts";
import { lazily } from "../../../lib/lazily.ts";
import type { Submit } from "../submit.ts";
import { toWireScramKeys } from "./credential-parts.ts";

export function createLinkStore(db: Database, submit: Submit): LinkStore {
  const held = lazily(() =>
    db.prepare<Readonly<Record<(typeof credentialKinds)[number], number>>, [number]>(
      `SELECT phone IS NOT NULL phone, password_hash IS NOT NULL password, username IS NOT NULL user_id
       FROM users WHERE user_id = ?`,
    ),
  );
  const nothing = (): void => {};
  const wrongCode = (): never => {
    throw new DomainError("code_invalid");
  };

  // Every change settles one turn after the writer's answer, so that callers see the order of submission.
  return {
    async credentialsOf(userId) {
      const row = held().get(userId);
      return credentialKinds.filter((kind) => row?.[kind] === 1);
    },
    linkPhone: (link) => submit("linkPhone", link).then((linked) => (linked === null ? wrongCode() : undefined)),
    unlinkPhone: (userId) => submit("unlinkPhone", { userId }).then(nothing),
    linkPassword: ({ scramKeys, ...link }) =>
      submit("linkPassword", { ...link, scramKeys: toWireScramKeys(scramKeys) }).then((linked) =>
        linked ? undefined : wrongCode(),
      ),
    unlinkPassword: (link) => submit("unlinkPassword", link).then(nothing),
    linkUsername: (link) => submit("linkUsername", link).then(nothing),
    unlinkUsername: (userId) => submit("unlinkUsername", { userId }).then(nothing),
  };
}
