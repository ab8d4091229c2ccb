/**
 * `MINIOICQ.md` Register, Login. The password is echoed from the request, as the document wants (O6); what is kept is a
 * hash. A client that asks for it is given a token to log in with the next time (docs/minioicq.md).
 */
import { isoTime } from "../../../delivery/shapes.ts";
import type { User } from "../../../domain/model.ts";
import { hashSecret, tokenIdOf } from "../../../domain/people/secrets.ts";
import { type Body, userFields } from "../../outgoing/push.ts";
import type { Front } from "../../shared.ts";
import type { ClientWishes, Request } from "../actions.ts";
import type { Connection } from "./dispatch.ts";

/** Registering logs in (O21). Throws `registration_closed`, `invite_invalid`, `empty_name_or_password`, `invalid_name`, `busy`. */
export async function register(
  front: Front,
  connection: Connection,
  request: Extract<Request, { action: "auth.register" }>,
): Promise<Body> {
  const { password, invite, client } = request;
  const { address } = connection;
  const user = await front.domain.accounts.register({ nick: request.name, password, address, invite });
  const given = await remember(front, user, client, client.name);
  const credential = { tokenId: given?.tokenId, name: client.name };
  connection.become(user, { deviceId: undefined, acknowledges: false, credential });
  return {
    action: "auth.register.success",
    ...userFields(user, connection.dialect),
    password,
    ...given?.fields,
  };
}

/** Throws `user_not_found`, `wrong_password`, `token_invalid`, `user_disabled`, `try_later`, `busy`. */
export async function logIn(
  front: Front,
  connection: Connection,
  { login, deviceName, acknowledges, filesByUrl, client }: Extract<Request, { action: "auth.login" }>,
): Promise<Body> {
  const { domain } = front;
  const { address } = connection;
  const shown = login.by === "token" ? await domain.accounts.logInWithToken(login.token, address) : undefined;
  if (shown !== undefined) domain.logIns.used(shown);
  const user =
    login.by === "token"
      ? shown?.user
      : await domain.accounts.logInWithPassword(
          login.userId === undefined ? undefined : await domain.store.findUser(login.userId),
          { account: login.account, password: login.password, address },
        );
  if (user === undefined) throw new Error("a token was accepted and is nobody's");
  // A token's own device is another door's place in the chats; here only a device named here has one of its own (O26).
  const device =
    deviceName === undefined
      ? undefined
      : await domain.store.openDevice({ userId: user.userId, door: "minioicq", name: deviceName });
  const name = client.name ?? deviceName;
  const given = shown === undefined ? await remember(front, user, client, name) : undefined;
  const tokenId = shown === undefined ? given?.tokenId : tokenIdOf(shown.tokenHash);
  connection.wantFilesByUrl(filesByUrl);
  connection.become(user, { deviceId: device, acknowledges, credential: { tokenId, name } });
  return {
    action: "auth.login.success",
    ...userFields(user, connection.dialect),
    password: login.by === "password" ? login.password : undefined,
    files: filesByUrl ? "url" : undefined,
    ...given?.fields,
  };
}

/** A token, where one is wanted and no token was shown. */
async function remember({ domain }: Front, user: User, { remember }: ClientWishes, name: string | undefined) {
  if (!remember) return undefined;
  const { token, expiresAtMs } = await domain.logIns.remember(user.userId, name);
  return { tokenId: tokenIdOf(hashSecret(token)), fields: { token, token_expires: isoTime(expiresAtMs) } };
}
