/**
 * MiniOICQ § Register, Login, Logout. The password is echoed from the request, as the document has it (O6); the server
 * keeps a hash. A client that asks for a token gets one to log in with the next time (docs/protocols/minioicq.md §
 * auth.login).
 */
import { isoTime } from "../../../delivery/shapes.ts";
import { nickCharactersMax } from "../../../domain/bounds.ts";
import type { User } from "../../../domain/model.ts";
import { passwordBytesMax } from "../../../domain/people/passwords.ts";
import { hashSecret, tokenIdOf } from "../../../domain/people/secrets.ts";
import { closeCode } from "../../errors.ts";
import { userFields } from "../../outgoing/push.ts";
import type { Shared } from "../../shared.ts";
import type { OpenHandler } from "../action.ts";
import { answerWith } from "../answer.ts";
import { type Fields, flag, isAbsent, optionalText, type Reader, Refused, text, type WireId } from "../fields.ts";

/** Of a `user_id` that is no id, so much is kept. */
const accountCharactersMax = 64;
/** Longer texts are no invites. */
const inviteCharactersMax = 256;

interface Register {
  readonly action: "auth.register";
  readonly name: string;
  readonly password: string;
  readonly invite: string | undefined;
  readonly client: ClientWishes;
}

interface LogIn {
  readonly action: "auth.login";
  readonly login: Proof;
  readonly deviceName: string | undefined;
  /** The client acknowledges pushes (O26). */
  readonly acknowledges: boolean;
  /** The client wants large content as an address alone. */
  readonly filesByUrl: boolean;
  readonly client: ClientWishes;
}

/** What a client says of itself beyond the original document (docs/protocols/minioicq.md § auth.login). */
interface ClientWishes {
  /** It wants a token, so that it need not keep the password. */
  readonly remember: boolean;
  readonly name: string | undefined;
}

type Proof =
  | {
      readonly by: "password";
      readonly userId: WireId;
      /** The id as it was written. Wrong passwords are counted by it. */
      readonly account: string;
      readonly password: string;
    }
  | { readonly by: "token"; readonly token: string };

/**
 * Registering logs in (O21). Throws `registration_closed`, `invite_invalid`, `empty_name_or_password`, `invalid_name`,
 * `busy`.
 */
export const register: OpenHandler<Register> = {
  parse: (fields, reader) => {
    const empty = "Empty user name or password"; // O24
    const name = text(fields["user_name"], { empty, wrong: "Invalid user name" });
    const password = text(fields["password"], { empty, wrong: "Invalid password" });
    if (name.trim() === "") throw new Refused(empty);
    if ([...name.trim().slice(0, 4 * nickCharactersMax)].length > nickCharactersMax) {
      throw new Refused("User name too long");
    }
    if (Buffer.byteLength(password) > passwordBytesMax) throw new Refused("Password too long");
    const invite = optionalText(fields["invite"], { wrong: "Invalid invite", charactersMax: inviteCharactersMax });
    return { action: "auth.register", name, password, invite, client: parseWishes(fields, reader) };
  },
  handle: async ({ shared, caller }, { name, password, invite, client }) => {
    const user = await shared.domain.accounts.register({ nick: name, password, address: caller.address, invite });
    const given = await remember(shared, user, client, client.name);
    const credential = { tokenId: given?.tokenId, name: client.name };
    caller.become(user, { deviceId: undefined, acknowledges: false, credential });
    return answerWith({
      action: "auth.register.success",
      ...userFields(user, caller.dialect),
      password,
      ...given?.fields,
    });
  },
};

/** Throws `user_not_found`, `wrong_password`, `token_invalid`, `user_disabled`, `try_later`, `busy`. */
export const logIn: OpenHandler<LogIn> = {
  parse: (fields, reader) => {
    const deviceName = optionalText(fields["device_id"], {
      wrong: "Invalid device_id",
      charactersMax: reader.limits.deviceNameCharactersMax,
    });
    const { files } = fields;
    if (!isAbsent(files) && files !== "url" && files !== "inline") throw new Refused("Invalid files");
    const client = parseWishes(fields, reader);
    const login = parseProof(fields, reader);
    return {
      action: "auth.login",
      login,
      deviceName,
      acknowledges: fields["ack"] === true,
      filesByUrl: files === "url",
      client,
    };
  },
  handle: async ({ shared, caller }, { login, deviceName, acknowledges, filesByUrl, client }) => {
    const { domain } = shared;
    const { address } = caller;
    const shown = login.by === "token" ? await domain.accounts.logInWithToken(login.token, address) : undefined;
    if (shown !== undefined) domain.logIns.used(shown);
    const user =
      login.by === "token"
        ? shown?.user
        : await domain.accounts.logInWithPassword(
            login.userId === undefined ? undefined : await domain.store.findUser(login.userId),
            { account: login.account, password: login.password, address },
          );
    if (user === undefined) throw new Error("a token was accepted and belongs to no user");
    // A token's own device is another door's position in the chats; here only a device named here has one (O26).
    const device =
      deviceName === undefined
        ? undefined
        : await domain.store.openDevice({ userId: user.userId, door: "minioicq", name: deviceName });
    const name = client.name ?? deviceName;
    const given = shown === undefined ? await remember(shared, user, client, name) : undefined;
    const tokenId = shown === undefined ? given?.tokenId : tokenIdOf(shown.tokenHash);
    caller.wantFilesByUrl(filesByUrl);
    caller.become(user, { deviceId: device, acknowledges, credential: { tokenId, name } });
    return answerWith({
      action: "auth.login.success",
      ...userFields(user, caller.dialect),
      password: login.by === "password" ? login.password : undefined,
      files: filesByUrl ? "url" : undefined,
      ...given?.fields,
    });
  },
};

/** Also served to a client that is not logged in (O27). */
export const logOut: OpenHandler<{ readonly action: "auth.logout" }> = {
  parse: () => ({ action: "auth.logout" }),
  handle: async () => ({ is: "close", code: closeCode.normal, reason: "Logged out" }),
};

function parseWishes(fields: Fields, { limits }: Reader): ClientWishes {
  const charactersMax = limits.deviceNameCharactersMax;
  return {
    remember: flag(fields["remember"], "Invalid remember"),
    name: optionalText(fields["client_name"], { wrong: "Invalid client_name", charactersMax }),
  };
}

function parseProof(fields: Fields, reader: Reader): Proof {
  if (!isAbsent(fields["token"])) {
    const token = text(fields["token"], { empty: "Invalid token", wrong: "Invalid token" });
    return { by: "token", token };
  }
  const empty = "Empty user_id or password"; // O24
  if (isAbsent(fields["user_id"])) throw new Refused(empty);
  const userId = reader.id(fields["user_id"], "Invalid user_id");
  const password = text(fields["password"], { empty, wrong: "Invalid password" });
  const account = String(userId ?? fields["user_id"]).slice(0, accountCharactersMax);
  return { by: "password", userId, account, password };
}

/** A token, where the client wants one and did not show one. */
async function remember({ domain }: Shared, user: User, { remember }: ClientWishes, name: string | undefined) {
  if (!remember) return undefined;
  const { token, expiresAtMs } = await domain.logIns.remember(user.userId, name);
  return { tokenId: tokenIdOf(hashSecret(token)), fields: { token, token_expires: isoTime(expiresAtMs) } };
}
