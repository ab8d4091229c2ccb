/**
 * Where a user is logged in, at every door: their tokens, their log-ins by phone, and their connected clients. The user
 * may list and end log-ins, and may get a token so that a client need not keep their password.
 */
import { type Clock, forever } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import { DomainError } from "../errors.ts";
import { safeInteger } from "../keys.ts";
import type { User, UserId } from "../model.ts";
import type { PhoneSessions } from "../phones/phone-sessions.ts";
import type { Store } from "../store.ts";
import type { Accounts, LoggedIn } from "./accounts.ts";
import type { ExpiredPlace } from "./log-in-store.ts";
import type { TokenMaker } from "./long-token-store.ts";
import { type LongTokens, userOwnerKey } from "./long-tokens.ts";
import { newSecret } from "./new-secrets.ts";
import { hashSecret } from "./secrets.ts";
import { BoundedMap } from "./waits.ts";
/** A connected client. The hub has the list of them. */
export interface Client {
  readonly door: "mqtt" | "minioicq" | "rest";
  /** The name that the client gives itself. */
  readonly name: string | undefined;
  readonly address: string;
  /** The token it logged in with; undefined where it used a password. */
  readonly tokenId: string | undefined;
  readonly phoneSessionId: number | undefined;
  /** Closes the connection in the way of its protocol. */
  end(): void;
}

export interface ConnectedClient extends Client {
  /** The number of this connection, while the server runs. */
  readonly connectionId: number;
}

/** The client that asks, to mark which entries are its own. */
export type Own = Pick<ConnectedClient, "connectionId" | "tokenId">;

export interface LogIn {
  /** `t…`: a token, long-lived or not. `p…`: a log-in by phone. `c…`: a connection. */
  readonly id: string;
  readonly kind: "token" | "long_lived_token" | "phone" | "connection";
  /** Undefined for a token that the operator made. */
  readonly door: Client["door"] | undefined;
  readonly name: string | undefined;
  readonly address: string | undefined;
  readonly createdAtMs: number | undefined;
  readonly lastSeenAtMs: number | undefined;
  readonly expiresAtMs: number | undefined;
  /** A client is connected by this log-in. */
  readonly online: boolean;
  /** It is the asking client's own. */
  readonly own: boolean;
  /** Of a connection: the id of the token or phone that it logged in by. */
  readonly by: string | undefined;
}

const dayMs = 86_400_000;
const rememberedMs = 90 * dayMs;
/** The limit for one user. */
const rememberedMax = 50;
/** The limit for each kind; the newest ones are listed. */
const listedMax = 200;
const rememberedEndsMax = 10_000;
const expiredAtOnce = 1000;
/** The number of no connection. */
const noClient = -1;

export type LogIns = ReturnType<typeof createLogIns>;

export function createLogIns(parts: {
  store: Store;
  clock: Clock;
  log: Log;
  accounts: Pick<Accounts, "changePassword">;
  phoneSessions: Pick<PhoneSessions, "list" | "end">;
  longTokens: Pick<LongTokens, "list" | "onEnded">;
  clientsOf(userId: UserId): readonly ConnectedClient[];
}) {
  const { store, clock, clientsOf, phoneSessions } = parts;
  /** Of those that ended lately: enough for the clients that were logging in meanwhile. */
  const endedTokens = new BoundedMap<true>(rememberedEndsMax);
  /** By user id: how many ends of all log-ins there were with this one. */
  const endedUsers = new BoundedMap<number>(rememberedEndsMax);
  let ends = 0;
  let expiredUpTo: ExpiredPlace = { expiresAtMs: clock.steadyMs(), rowId: 0 };
  let looking = false;

  store.onEvent("log-in.ended", (event) => ended(event.userId, event));

  parts.longTokens.onEnded(({ ownerKey, tokenIds }) => {
    const userId = ownerKey.startsWith("user:") ? safeInteger(ownerKey.slice("user:".length)) : undefined;
    if (userId !== undefined) ended(userId as UserId, { tokenIds });
  });

  interface Ended {
    readonly tokenIds: readonly string[];
    readonly byPassword?: boolean;
  }

  function remembered(userId: UserId, { tokenIds, byPassword = false }: Ended): void {
    for (const tokenId of tokenIds) endedTokens.set(tokenId, true);
    if (byPassword) endedUsers.set(String(userId), ++ends);
  }

  function ended(userId: UserId, of: Ended, except = noClient): { own: boolean } {
    remembered(userId, of);
    const { byPassword = false } = of;
    const gone = new Set(of.tokenIds);
    return endClients(userId, except, ({ tokenId, phoneSessionId }) =>
      // Log-ins by phone end with their sessions.
      tokenId === undefined ? byPassword && phoneSessionId === undefined : gone.has(tokenId),
    );
  }

  /**
   * Whether a log-in ended before its client was connected: its token did, or all log-ins of the user since the `stamp`
   * that was asked for when the client began. Does not read the store.
   */
  function hasEnded(logIn: { userId: UserId; tokenId: string | undefined; since: number | undefined }): boolean {
    const { userId, tokenId, since } = logIn;
    if (tokenId !== undefined) return endedTokens.get(tokenId) === true;
    return since !== undefined && (endedUsers.get(String(userId)) ?? 0) > since;
  }

  /** Ends the connections whose tokens have expired since the last call. A server calls it every second. */
  async function endExpired(): Promise<void> {
    if (looking) return;
    looking = true;
    try {
      const until = clock.steadyMs();
      for (;;) {
        const { tokens, next } = await store.listExpiredTokens({ after: expiredUpTo, until, limit: expiredAtOnce });
        expiredUpTo = next;
        for (const { userId, tokenId } of tokens) ended(userId, { tokenIds: [tokenId] });
        if (tokens.length < expiredAtOnce) return;
        await new Promise(setImmediate); // a backend's tokens may expire by the thousand
      }
    } catch (error) {
      parts.log.warn("expired tokens could not be read", { error });
    } finally {
      looking = false;
    }
  }

  /** Makes a token that is valid at every door, for 90 days after its last use. Throws `user_disabled`. */
  async function remember(userId: UserId, name: string | undefined): Promise<{ token: string; expiresAtMs: number }> {
    const token = newSecret("ra");
    const hash = hashSecret(token);
    const lifetimeMs = rememberedMs;
    const expiresAtMs = await store.addToken({ userId, hash, name, lifetimeMs, tokensMax: rememberedMax });
    return { token, expiresAtMs: clock.wallOf(expiresAtMs) };
  }

  /** Records a log-in with such a token. When half its lifetime has passed the lifetime starts again. */
  function used({ tokenHash: hash, remembered, expiresAtMs = forever }: LoggedIn): void {
    if (!remembered) return; // A backend's tokens are sent with every request and expire by themselves.
    const lifetimeMs = expiresAtMs - clock.steadyMs() < rememberedMs / 2 ? rememberedMs : undefined;
    store.touchToken({ hash, lifetimeMs }).catch((error: unknown) => {
      parts.log.debug("the last use of a token could not be written", { error });
    });
  }

  async function list(user: User, own: Own): Promise<LogIn[]> {
    const clients = clientsOf(user.userId);
    const tokens = await store.listTokens({ userId: user.userId, nowMs: clock.steadyMs(), limit: listedMax });
    const longTokens = await parts.longTokens.list(userOwnerKey(user.userId));
    const phones = user.phone === undefined ? [] : await phoneSessions.list(user.phone);
    const ownPhone = clients.find((client) => client.connectionId === own.connectionId)?.phoneSessionId;
    return [
      ...clients.slice(-listedMax).map(
        (client): LogIn => ({
          ...nothing,
          id: `c${client.connectionId}`,
          kind: "connection",
          door: client.door,
          name: client.name,
          address: client.address,
          online: true,
          own: client.connectionId === own.connectionId,
          by: logInOf(client),
        }),
      ),
      ...tokens.map(
        (token): LogIn => ({
          ...nothing,
          id: `t${token.tokenId}`,
          kind: "token",
          door: token.door,
          name: token.name,
          createdAtMs: token.createdAtMs,
          lastSeenAtMs: token.lastUsedAtMs,
          expiresAtMs: token.expiresAtMs === undefined ? undefined : clock.wallOf(token.expiresAtMs),
          online: clients.some((client) => client.tokenId === token.tokenId),
          own: token.tokenId === own.tokenId,
        }),
      ),
      ...longTokens.map(
        (token): LogIn => ({
          ...nothing,
          id: `t${token.tokenId}`,
          kind: "long_lived_token",
          door: doorOf(token.madeBy),
          name: token.name,
          createdAtMs: token.createdAtMs,
          lastSeenAtMs: token.lastUsedAtMs,
          expiresAtMs: token.expiresAtMs === undefined ? undefined : clock.wallOf(token.expiresAtMs),
          online: clients.some((client) => client.tokenId === token.tokenId),
          own: token.tokenId === own.tokenId,
        }),
      ),
      ...phones
        .filter((session) => session.userId === user.userId)
        .slice(0, listedMax)
        .map(
          (session): LogIn => ({
            ...nothing,
            id: `p${session.sessionId}`,
            kind: "phone",
            door: "mqtt",
            name: session.clientId,
            createdAtMs: session.createdAtMs,
            lastSeenAtMs: session.lastOnlineAtMs,
            online: clients.some((client) => client.phoneSessionId === session.sessionId),
            own: session.sessionId === ownPhone,
          }),
        ),
    ];
  }

  /**
   * Ends a log-in: its client must log in again, and its connections close at once. The connection `except` is left to
   * the caller; the result says whether it was meant too. Throws `session_not_found`.
   */
  async function end(user: User, id: string, except: number): Promise<{ own: boolean }> {
    const { userId } = user;
    const number = safeInteger(id.slice(1));
    if (id.startsWith("t")) {
      const gone = await store.endToken({ userId, tokenId: id.slice(1) });
      if (gone === undefined) throw new DomainError("session_not_found");
      return ended(userId, gone, except);
    }
    if (id.startsWith("p") && number !== undefined && user.phone !== undefined) {
      const phone = user.phone;
      const known = (await phoneSessions.list(phone)).some((one) => one.sessionId === number && one.userId === userId);
      if (known && (await phoneSessions.end({ phone, sessionId: number }))) {
        return endClients(userId, except, ({ phoneSessionId }) => phoneSessionId === number);
      }
    }
    if (id.startsWith("c") && clientsOf(userId).some((client) => client.connectionId === number)) {
      return endClients(userId, except, (client) => client.connectionId === number);
    }
    throw new DomainError("session_not_found");
  }

  /**
   * Sets a new password for a user who knows the old one. With `endOthers` all their other log-ins end. Throws as
   * `Accounts.changePassword`.
   */
  async function changePassword(
    user: User,
    request: { oldPassword: string; password: string; address: string; endOthers: boolean; own: Own },
  ): Promise<void> {
    const { oldPassword, password, address, own } = request;
    const end = request.endOthers ? { exceptTokenId: own.tokenId } : undefined;
    const { tokenIds } = await parts.accounts.changePassword(user, { oldPassword, password, address, end });
    if (end === undefined) return;
    remembered(user.userId, { tokenIds, byPassword: true });
    endClients(user.userId, own.connectionId, () => true);
  }

  function endClients(userId: UserId, except: number, isMeant: (client: ConnectedClient) => boolean): { own: boolean } {
    const meant = clientsOf(userId).filter(isMeant);
    for (const client of meant) if (client.connectionId !== except) client.end();
    return { own: meant.some((client) => client.connectionId === except) };
  }

  return { remember, used, list, end, changePassword, hasEnded, stamp: () => ends, endExpired };
}

const nothing = {
  address: undefined,
  name: undefined,
  createdAtMs: undefined,
  lastSeenAtMs: undefined,
  expiresAtMs: undefined,
  by: undefined,
} as const;

const doorOf = (madeBy: TokenMaker): Client["door"] | undefined =>
  madeBy === "operator" ? undefined : madeBy === "backend" ? "rest" : madeBy;

function logInOf({ tokenId, phoneSessionId }: Client): string | undefined {
  if (tokenId !== undefined) return `t${tokenId}`;
  return phoneSessionId === undefined ? undefined : `p${phoneSessionId}`;
}
