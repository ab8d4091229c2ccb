/** Bearer tokens in the store, with the owners of those seen lately: every REST request shows one. */
import type { DeviceId, TokenOwner, User } from "../../../domain/model.ts";
import type { NewToken, TokenKind, TokenStore } from "../../../domain/people/token-store.ts";
import { bytesOfHex, hexOf } from "../../../lib/hex.ts";
import type { ChangeName } from "../changes.ts";
import type { Submit } from "../submit.ts";
import type { WireEndedTokens, WireToken } from "./token-changes.ts";

const tokenOwnersMax = 10_000;

/** Changes to tokens, or to users as their tokens show them. */
const changesOwners: ReadonlySet<ChangeName> = new Set<ChangeName>([
  "addToken",
  "changePassword",
  "changeProfile",
  "endDevice",
  "endToken",
  "endTokens",
  "finishMigration",
  "linkPhone",
  "linkUsername",
  "provision",
  "putMembers",
  "removeProfile",
  "removeRoster",
  "removeUser",
  "rotateToken",
  "setAvatar",
  "setNick",
  "setPassword",
  "setPresenceRule",
  "setUserDisabled",
  "touchToken",
  "unlinkPassword",
  "unlinkPhone",
  "unlinkUsername",
]);

export function createTokenStore(parts: {
  submit: Submit;
  findToken(hash: Uint8Array, kind: TokenKind): TokenOwner | undefined;
  getUser(userId: number): User;
}): {
  readonly tokens: TokenStore;
  /** A change was committed: what is remembered of tokens and their owners may be void. */
  committed(change: { readonly name: ChangeName; readonly args: unknown }, outcome: unknown): void;
} {
  const { submit, getUser } = parts;
  /** By the hex of their hash. */
  const owners = new Map<string, TokenOwner>();

  function committed({ name, args }: { name: ChangeName; args: unknown }, outcome: unknown): void {
    if (owners.size === 0 || !changesOwners.has(name)) return;
    // That a token was used changes nothing but where its end moves.
    if (name === "touchToken" && (args as { lifetimeMs?: number }).lifetimeMs === undefined) return;
    // A new token seldom takes the place of an old one.
    if (name === "addToken" && (outcome as WireEndedTokens).tokenIds.length === 0) return;
    owners.clear();
  }

  const provision: TokenStore["provision"] = async (participants, how = {}) => {
    const wire = participants.map((participant) => ({
      ...participant,
      publicKey:
        participant.publicKey === undefined ? undefined : Buffer.from(participant.publicKey).toString("base64"),
      tokens: toWireTokens(participant.tokens),
    }));
    const made = await submit("provision", { participants: wire, ...how });
    return made.map(({ userId, deviceId, renamed, spent }) => ({
      user: getUser(userId),
      deviceId: (deviceId ?? undefined) as DeviceId | undefined,
      renamed,
      spent,
    }));
  };

  function findToken(hash: Uint8Array, kind: TokenKind): TokenOwner | undefined {
    const key = `${kind}:${hexOf(hash)}`;
    const known = owners.get(key);
    if (known !== undefined) return known;
    const owner = parts.findToken(hash, kind);
    if (owner === undefined) return undefined;
    if (owners.size >= tokenOwnersMax) owners.clear();
    owners.set(key, owner);
    return owner;
  }

  // Every change settles one turn after the writer's answer, so that callers see the order of submission.
  const tokens: TokenStore = {
    provision,
    findToken: async (hash, kind) => findToken(hash, kind),
    rotateToken: (hash, next) =>
      submit("rotateToken", {
        hash: hexOf(hash),
        next: toWireTokens(next),
      }).then(({ outcome }) => outcome),
    endTokens: (hash, kind) => submit("endTokens", { hash: hexOf(hash), kind }).then((ended) => ended !== null),
    openTokenRun: ({ hash, fresh, lifetimeMs }) =>
      submit("openTokenRun", { hash: hexOf(hash), fresh: hexOf(fresh), lifetimeMs }).then((salt) => bytesOfHex(salt)),
  };
  return { tokens, committed };
}

const toWireTokens = (tokens: readonly NewToken[]): WireToken[] =>
  tokens.map((token) => ({ ...token, hash: hexOf(token.hash) }));
