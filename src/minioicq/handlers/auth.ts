/** `MINIOICQ.md` Register, Login. The password is echoed from the request, as the document wants (O6); what is kept is a hash. */
import type { Request } from "../actions.ts";
import type { Front } from "../front.ts";
import { type Body, userFields } from "../push.ts";
import type { Connection } from "./dispatch.ts";

/** Registering logs in (O21). Throws `registration_closed`, `empty_name_or_password`, `invalid_name`, `busy`. */
export async function register(
  { domain }: Front,
  connection: Connection,
  request: Extract<Request, { action: "auth.register" }>,
): Promise<Body> {
  const user = await domain.accounts.register({
    nick: request.name,
    password: request.password,
    address: connection.address,
  });
  connection.become(user, { deviceId: undefined, acknowledges: false });
  return {
    action: "auth.register.success",
    ...userFields(user, connection.dialect),
    password: request.password,
  };
}

/** Throws `user_not_found`, `wrong_password`, `token_invalid`, `user_disabled`, `try_later`, `busy`. */
export async function logIn(
  { domain }: Front,
  connection: Connection,
  { login, deviceName, acknowledges, filesByUrl }: Extract<Request, { action: "auth.login" }>,
): Promise<Body> {
  const { address } = connection;
  const user =
    login.by === "token"
      ? (await domain.accounts.logInWithToken(login.token, address)).user
      : await domain.accounts.logInWithPassword(
          login.userId === undefined ? undefined : await domain.store.findUser(login.userId),
          { account: login.account, password: login.password, address },
        );
  // A token's own device is another door's place in the chats; here only a device named here has one of its own (O26).
  const device =
    deviceName === undefined
      ? undefined
      : await domain.store.openDevice({ userId: user.userId, door: "minioicq", name: deviceName });
  connection.wantFilesByUrl(filesByUrl);
  connection.become(user, { deviceId: device, acknowledges });
  return {
    action: "auth.login.success",
    ...userFields(user, connection.dialect),
    password: login.by === "password" ? login.password : undefined,
    files: filesByUrl ? "url" : undefined,
  };
}
