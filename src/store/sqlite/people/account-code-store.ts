/** Codes that stand for a user once and for minutes: changes sent to the writer. */
import { DomainError } from "../../../domain/errors.ts";
import type { UserId } from "../../../domain/model.ts";
import type { AccountCodeStore } from "../../../domain/people/account-code-store.ts";
import { hexOf } from "../../../lib/hex.ts";
import type { Submit } from "../submit.ts";
import { toWireScramKeys } from "./credential-parts.ts";

export function createAccountCodeStore(submit: Submit): AccountCodeStore {
  // Every change settles one turn after the writer's answer, so that callers see the order of submission.
  return {
    addAccountCode: ({ code, ...of }) =>
      submit("addAccountCode", { ...of, code: { salt: hexOf(code.salt), hash: hexOf(code.hash) } }).then(isTrue),
    tryAccountCode: (tried) => submit("tryAccountCode", tried).then(isTrue),
    resetPassword: ({ scramKeys, ...reset }) =>
      submit("resetPassword", { ...reset, scramKeys: toWireScramKeys(scramKeys) }).then((ended) => {
        if (ended === null) throw new DomainError("code_invalid");
        const { tokenIds, phoneSessionIds } = ended;
        return { tokenIds, phoneSessionIds };
      }),
    takeLogInLink: (hash) =>
      submit("takeLogInLink", { hash: hexOf(hash) }).then((userId) => (userId ?? undefined) as UserId | undefined),
  };
}

const isTrue = (outcome: boolean): boolean => outcome;
