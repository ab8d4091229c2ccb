/**
 * /users/{GUID}: who a user is and the key they sign with, for the backend and for users who share a chat with them; and,
 * for the backend alone, deactivating a user (docs/protocols/rest-signed.md § Users).
 */
import type { ParticipantView } from "../../domain/store.ts";
import { accessToken, asksAsBackend, requireBackend, requireParticipant } from "../auth.ts";
import { documented, type Handler, queryOf, type RestContext, type RouteParts } from "../context.ts";
import { Refusal, userNotFound, words } from "../errors.ts";
import { json } from "../json.ts";

const guidPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export function createUserRoutes({ domain, log }: RouteParts) {
  const { accounts, store } = domain;

  const get: Handler = documented(words.users, log, async (c) => {
    const token = accessToken(c.req.raw, queryOf(c.req.raw));
    const backend = await asksAsBackend(accounts, token);
    const asking = backend ? undefined : await requireParticipant(accounts, token, c.env);
    const guid = guidOf(c);
    const found = await store.findParticipant(guid);
    if (found === undefined || found.user.disabled) throw new Refusal(userNotFound, "no user has this GUID");
    const { userId } = found.user;
    // A caller without a chat in common does not learn that the user exists.
    if (asking !== undefined && asking.user.userId !== userId && !(await store.shareChat(asking.user.userId, userId))) {
      throw new Refusal(userNotFound, "no user you share a chat with has this GUID");
    }
    return json(JSON.stringify({ user: userShape(found) }));
  });

  const remove: Handler = documented(words.users, log, async (c) => {
    await requireBackend(accounts, c.req.raw, c.env.address);
    await accounts.disable(guidOf(c));
    return json("{}");
  });

  return { get, remove };
}

/** Judged here, never by the router (R38). */
function guidOf(c: RestContext): string {
  const guid = c.req.param("GUID") ?? "";
  if (!guidPattern.test(guid)) throw new Refusal(userNotFound, "not a GUID");
  return guid.toLowerCase();
}

function userShape({ user, devices }: ParticipantView) {
  return {
    GUID: user.guid,
    userID: user.userKey,
    ...(user.nick === "" || user.nick === user.userKey ? {} : { displayName: user.nick }),
    ...(user.publicKey === undefined ? {} : { userKey: keyText(user.publicKey) }),
    devices: devices.map(({ guid, publicKey }) => ({ GUID: guid, userKey: keyText(publicKey) })),
  };
}

/** SPKI in upper-case hex, as GET /publicKey gives it (R35). */
const keyText = (key: Uint8Array): string => Buffer.from(key).toString("hex").toUpperCase();
