/** Bearer tokens in the store, with the owners of those seen lately: every REST request shows one. */
import type { DeviceId, TokenOwner, User } from "../../../domain/model.ts";
import type { NewToken, TokenKind, TokenStore } from "../../../domain/people/token-store.ts";
import type { ChangeName } from "../changes.ts";
import type { WireToken } from "./token-changes.ts";
import type { WireProvisioned } from "./user-changes.ts";

type Submit = <Value>(name: ChangeName, args: unknown) => Promise<Value>;

const tokenOwnersMax = 10_000;

export function createTokenStore(parts: {
  submit: Submit;
  findToken(hash: Uint8Array, kind: TokenKind): TokenOwner | undefined;
  getUser(userId: number): User;
}): { readonly tokens: TokenStore; readonly submitPeople: Submit } {
  const { submit, getUser } = parts;
  /** By the hex of their hash. Void with any change to people or tokens. */
  const owners = new Map<string, TokenOwner>();

  /** A change to people or tokens: what is remembered of them is void once it settled. */
  const submitPeople: Submit = <Value>(name: ChangeName, args: unknown) => {
    const clear = (): void => owners.clear();
    const settled = submit<Value>(name, args);
    // Beside the caller's own turn, not before it: it must not settle later than what was submitted after it.
    settled.then(clear, clear);
    return settled;
  };

  const provision: TokenStore["provision"] = async (participants, how = {}) => {
    const wire = participants.map((participant) => ({
      ...participant,
      publicKey:
        participant.publicKey === undefined ? undefined : Buffer.from(participant.publicKey).toString("base64"),
      tokens: toWireTokens(participant.tokens),
    }));
    const made = await submitPeople<WireProvisioned[]>("provision", { participants: wire, ...how });
    return made.map(({ userId, deviceId, renamed, spent }) => ({
      user: getUser(userId),
      deviceId: (deviceId ?? undefined) as DeviceId | undefined,
      renamed,
      spent,
    }));
  };

  function findToken(hash: Uint8Array, kind: TokenKind): TokenOwner | undefined {
    const key = `${kind}:${hex(hash)}`;
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
      submitPeople<Awaited<ReturnType<TokenStore["rotateToken"]>>>("rotateToken", {
        hash: hex(hash),
        next: toWireTokens(next),
      }).then((outcome) => outcome),
    endTokens: (hash, kind) => submitPeople<boolean>("endTokens", { hash: hex(hash), kind }).then((ended) => ended),
    openTokenRun: ({ hash, fresh, lifetimeMs }) =>
      submit<string>("openTokenRun", { hash: hex(hash), fresh: hex(fresh), lifetimeMs }).then((salt) =>
        Buffer.from(salt, "hex"),
      ),
  };
  return { tokens, submitPeople };
}

const toWireTokens = (tokens: readonly NewToken[]): WireToken[] =>
  tokens.map((token) => ({ ...token, hash: hex(token.hash) }));

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
