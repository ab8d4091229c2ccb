/** Tells the broker who its clients are and what they may do with ordinary topics. */
import type { Action, Identity } from "../mqtt/identity.ts";
import type { Account } from "./accounts.ts";
import { type AuthenticationParts, createAuthentication } from "./authentication.ts";
import { allows } from "./permissions.ts";
import { isReserved, isSys } from "./reserved-topics.ts";
import type { Rights } from "./rights.ts";
import { opensTopic } from "./topic-scopes.ts";

export function createIdentity(parts: AuthenticationParts & { readonly rights: Rights }): Identity<Account> {
  const { accounts, anonymous, rights, notes } = parts;

  function authorize(account: Account, action: Action, topic: string): boolean {
    const { userId, device, scoped } = account;
    if (scoped !== undefined && !opensTopic(scoped.scopes, action, topic)) return false;
    if (userId === undefined && device === undefined) {
      // Without an open broker an anonymous client may only talk to a service, which is not asked for here.
      return anonymous === "full" && (!isReserved(topic) || (isSys(topic) && action !== "publish"));
    }
    // Who is connected and how busy the broker is concerns the operator alone, unless the broker is open to all
    // clients.
    if (device === undefined && isSys(topic) && (anonymous === "full" || accounts.isAdmin(account))) {
      return action !== "publish";
    }
    return allows(rights.of(account), action, topic);
  }

  return {
    ...createAuthentication(parts),
    principalOf: accounts.principalOf,
    authorize,
    refused: notes.refused,
    nameOf: notes.nameOf,
    permissionsVersion: rights.version,
  };
}
