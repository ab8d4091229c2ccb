/**
 * MiniOICQ § Register, Login, Logout. The password is echoed from the request, as the document has it (O6); the server
 * keeps a hash. A client that asks for a token gets one to log in with the next time (docs/protocols/minioicq.md §
 * auth.login).
 */
import { isoTime } from "../../../delivery/shapes.ts";
import { nickCharactersMax } from "../../../domain/bounds.ts";
import { DomainError } from "../../../domain/errors.ts";
import { isLoginName } from "../../../domain/keys.ts";
import type { User } from "../../../domain/model.ts";
import { deviceNameOf } from "../../../domain/people/long-tokens.ts";
import { passwordBytesMax } from "../../../domain/people/passwords.ts";
import { hashSecret, tokenIdOf } from "../../../domain/people/secrets.ts";
import { closeCode } from "../../errors.ts";
import { userFields } from "../../outgoing/push.ts";
import type { Shared } from "../../shared.ts";
import type { Handler, OpenHandler } from "../action.ts";
import { answerWith } from "../answer.ts";
import { type Fields, flag, isAbsent, optionalText, type Reader, Refused, text, type WireId } from "../fields.ts";
import type { Caller } from "./caller.ts";

/** Of a `user_id` that is no id, so much is kept; no name is longer. */
const accountCharactersMax = 256;
/** Longer texts are no invites. */
const inviteCharactersMax = 256;

interface Register {
  readonly action: "auth.register";
  readonly name: string;
  readonly password: string;
  readonly loginName: string | undefined;
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
  /** It wants pictures as an address alone. */
  readonly avatarsByUrl: boolean;
}

export interface NamedAccount {
  readonly userId: WireId;
  /** Where it is no id, or no user's: a name that the client typed, as it typed it. */
  readonly typedName: string | undefined;
  /** What was written. Wrong secrets of no account are counted by it. */
  readonly account: string;
}

type Proof =
  | ({ readonly by: "password"; readonly password: string } & NamedAccount)
  | { readonly by: "token"; readonly token: string }
  | { readonly by: "link"; readonly link: string };

/**
 * Registering logs in (O21). Throws `registration_closed`, `invite_invalid`, `empty_name_or_password`,
 * `password_too_short`, `invalid_name`, `reserved_key`, `username_taken`, `try_later`, `busy`.
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
    const loginName = parseLoginName(fields);
    return { action: "auth.register", name, password, loginName, invite, client: parseWishes(fields, reader) };
  },
  handle: async ({ shared, caller }, { name, password, loginName, invite, client }) => {
    const { accounts } = shared.domain;
    const user = await accounts.register({ nick: name, loginName, password, address: caller.address, invite });
    const given = await remember(shared, user, client, client.name);
    const credential = { tokenId: given?.tokenId, name: client.name, longToken: undefined };
    caller.wantAvatarsByUrl(client.avatarsByUrl);
    caller.become(user, { deviceId: undefined, acknowledges: false, credential });
    return answerWith({
      action: "auth.register.success",
      ...userFields(user, caller.dialect),
      password,
      login_name: user.loginName,
      avatars: client.avatarsByUrl ? "url" : undefined,
      epoch: epochFor(shared, caller),
      ...given?.fields,
    });
  },
};

const noConnection = -1;

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
    const since = domain.logIns.stamp();
    const shown = login.by === "token" ? await domain.accounts.logInWithToken(login.token, address) : undefined;
    if (shown !== undefined) domain.logIns.used(shown);
    const user =
      login.by === "token"
        ? shown?.user
        : login.by === "link"
          ? await domain.accountCodes.logInByLink(login.link, address)
          : await domain.accounts.logInWithPassword(await userOf(domain, login), {
              name: login.account,
              password: login.password,
              address,
            });
    if (user === undefined) throw new Error("a token was accepted and belongs to no user");
    if (!shared.memory.mayBegin(`user:${user.userId}`)) throw new DomainError("busy");
    // A token's own device is another door's position in the chats; here only a device named here has one (O26).
    const device =
      deviceName === undefined
        ? undefined
        : (
            await domain.deliveries.openDevice({
              userId: user.userId,
              door: "minioicq",
              name: deviceNameOf(shown?.longToken, deviceName),
            })
          ).deviceId;
    const name = client.name ?? deviceName;
    const loginName = await domain.loginNames.ofUser(user);
    const given = shown === undefined ? await remember(shared, user, client, name) : undefined;
    const tokenId = shown === undefined ? given?.tokenId : tokenIdOf(shown.tokenHash);
    if (domain.logIns.hasEnded({ userId: user.userId, tokenId: shown === undefined ? undefined : tokenId, since })) {
      // Meanwhile the token ended, or all log-ins by password.
      if (given !== undefined) await domain.logIns.end(user, `t${given.tokenId}`, noConnection);
      throw new DomainError(shown === undefined ? "wrong_password" : "token_invalid");
    }
    caller.wantFilesByUrl(filesByUrl);
    caller.wantAvatarsByUrl(client.avatarsByUrl);
    caller.become(user, { deviceId: device, acknowledges, credential: { tokenId, name, longToken: shown?.longToken } });
    return answerWith({
      action: "auth.login.success",
      ...userFields(user, caller.dialect),
      password: login.by === "password" ? login.password : undefined,
      ...loginNameFields(loginName),
      files: filesByUrl ? "url" : undefined,
      avatars: client.avatarsByUrl ? "url" : undefined,
      epoch: epochFor(shared, caller),
      ...given?.fields,
    });
  },
};

/** The document's clients get no key that the document does not have. */
const epochFor = ({ domain }: Shared, { dialect }: Caller): string | undefined =>
  dialect.extended ? domain.epoch : undefined;

/** Passes the log-in to another device of the user. */
export const linkLogIn: Handler<{ readonly action: "auth.link" }> = {
  parse: () => ({ action: "auth.link" }),
  handle: async ({ shared, user }) => {
    const { link, expiresAtMs } = await shared.domain.accountCodes.link(user);
    return answerWith({ action: "auth.link.success", link, expires: isoTime(expiresAtMs) });
  },
};

/** Also served to a client that is not logged in (O27). */
export const logOut: OpenHandler<{ readonly action: "auth.logout" }> = {
  parse: () => ({ action: "auth.logout" }),
  handle: async () => ({ is: "close", code: closeCode.normal, reason: "Logged out" }),
};

function parseWishes(fields: Fields, { limits }: Reader): ClientWishes {
  const charactersMax = limits.deviceNameCharactersMax;
  const { avatars } = fields;
  if (!isAbsent(avatars) && avatars !== "url" && avatars !== "inline") throw new Refused("Invalid avatars");
  return {
    avatarsByUrl: avatars === "url",
    remember: flag(fields["remember"], "Invalid remember"),
    name: optionalText(fields["client_name"], { wrong: "Invalid client_name", charactersMax }),
  };
}

function parseProof(fields: Fields, reader: Reader): Proof {
  if (!isAbsent(fields["token"])) {
    const token = text(fields["token"], { empty: "Invalid token", wrong: "Invalid token" });
    return { by: "token", token };
  }
  if (!isAbsent(fields["link"])) {
    const link = text(fields["link"], { empty: "Invalid code", wrong: "Invalid code" });
    return { by: "link", link };
  }
  const empty = "Empty user_id or password"; // O24
  const named = parseName(fields, reader, empty);
  const password = text(fields["password"], { empty, wrong: "Invalid password" });
  return { by: "password", ...named, password };
}

/** Whom a client that is not logged in means. */
export function parseName(fields: Fields, reader: Reader, empty: string): NamedAccount {
  const { user_id: given } = fields;
  if (isAbsent(given)) throw new Refused(empty);
  const userId = reader.id(given, "Invalid user_id");
  const account = String(userId ?? given).slice(0, accountCharactersMax);
  const typedName = typeof given === "string" && given.length <= accountCharactersMax ? given : undefined;
  return { userId, typedName, account };
}

/** Whom the client means: the id that it was given, else a name. */
export async function userOf(
  { store, names }: Pick<Shared["domain"], "store" | "names">,
  { userId, typedName }: Pick<NamedAccount, "userId" | "typedName">,
): Promise<User | undefined> {
  const user = userId === undefined ? undefined : await store.findUser(userId);
  if (user !== undefined || typedName === undefined) return user;
  const named = await names.find(typedName);
  return named !== undefined && "user" in named ? named.user : undefined;
}

/** A client that was told a log-in name of its user, and that it means another account now. */
const loginNameFields = (known: { loginName: string; taken: boolean } | undefined) =>
  known === undefined ? {} : { [known.taken ? "login_name_taken" : "login_name"]: known.loginName };

/** Undefined where there is none. */
export function parseLoginName(fields: Fields): string | undefined {
  const { login_name: given } = fields;
  if (isAbsent(given)) return undefined;
  if (typeof given !== "string" || !isLoginName(given)) throw new Refused("Invalid login_name");
  return given;
}

/** A token, where the client wants one and did not show one. */
async function remember({ domain }: Shared, user: User, { remember }: ClientWishes, name: string | undefined) {
  if (!remember) return undefined;
  const { token, expiresAtMs } = await domain.logIns.remember(user.userId, name);
  return { tokenId: tokenIdOf(hashSecret(token)), fields: { token, token_expires: isoTime(expiresAtMs) } };
}
