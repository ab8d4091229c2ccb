/**
 * The actions of `MINIOICQ.md` as typed requests. What a frame decoded to is read here once; everything behind works
 * with these types. Ids come as integers or numeric strings (PROTOCOLS § 2.5 O2), a message alone or in a list (O7).
 */

import { safeInteger } from "../../domain/keys.ts";
import { nickCharactersMax } from "../../domain/people/accounts.ts";
import { passwordBytesMax } from "../../domain/people/passwords.ts";
import { Refusal } from "../errors.ts";
import { parseTimeMs } from "../time.ts";
import { type ExtensionRequest, extensionParsers } from "./extensions.ts";
import {
  createReader,
  type FieldLimits,
  type Fields,
  flag,
  idList,
  isAbsent,
  isFields,
  optionalBytes,
  optionalText,
  type Reader,
  Refused,
  text,
  type WireId,
} from "./fields.ts";

/** Of an id that is none, so much is kept. */
const accountCharactersMax = 64;
/** Longer ones are none of ours. */
const inviteCharactersMax = 256;

export type Request =
  | {
      readonly action: "auth.register";
      readonly name: string;
      readonly password: string;
      readonly invite: string | undefined;
      readonly client: ClientWishes;
    }
  | {
      readonly action: "auth.login";
      readonly login: Login;
      readonly deviceName: string | undefined;
      /** The client acknowledges pushes (O26). */
      readonly acknowledges: boolean;
      /** Large content is to come as an address alone. */
      readonly filesByUrl: boolean;
      readonly client: ClientWishes;
    }
  | { readonly action: "auth.logout" }
  | { readonly action: "user.sync" }
  /** Without bytes the generated picture is back. */
  | { readonly action: "avatar.set"; readonly bytes: Uint8Array | undefined }
  | { readonly action: "user.get"; readonly userId: WireId }
  | { readonly action: "chat.create"; readonly members: readonly WireId[]; readonly name: string | undefined }
  | MessageSend
  | MessageAck
  | MessageGet
  | { readonly action: "heartbeat" }
  | ExtensionRequest;

/** What a client says of itself beyond the document (docs/minioicq.md). */
export interface ClientWishes {
  /** It wants a token, so that it need not keep the password. */
  readonly remember: boolean;
  readonly name: string | undefined;
}

export type Login =
  | {
      readonly by: "password";
      readonly userId: WireId;
      /** The id as it was written, by which wrong passwords are counted. */
      readonly account: string;
      readonly password: string;
    }
  | { readonly by: "token"; readonly token: string };

export interface MessageSend {
  readonly action: "message.send";
  readonly chatId: WireId;
  readonly type: string;
  /** Bytes stand for their base64 text. */
  readonly content: string | Uint8Array;
  readonly clientId: string | undefined;
  readonly clientTimeMs: number | undefined;
}

/** The oldest push where it names nothing, else these messages and chats. */
export interface MessageAck {
  readonly action: "message.push.ack";
  readonly messageIds: readonly number[] | undefined;
  readonly chatIds: readonly number[] | undefined;
}

export interface MessageGet {
  readonly action: "message.get";
  /** Whose history: a chat's, or everything between me and a user (all of mine, for myself). */
  readonly of: { readonly chat: WireId } | { readonly user: WireId };
  readonly range: HistoryRange;
  readonly page: HistoryPage;
}

/** Which part of it, and how much at the most. */
export interface HistoryPage {
  readonly limit: number | undefined;
  /** Where the page before this one ended: a `seq` of the chat, or a message id where several chats are read. */
  readonly from: { readonly go: "up" | "down"; readonly place: number; readonly index: number } | undefined;
}

/** Both ends inclusive. Indexes count from 0 in the ascending list; an end left open is undefined. */
export type HistoryRange =
  | { readonly by: "index"; readonly first: number; readonly last: number }
  | { readonly by: "time"; readonly fromMs: number | undefined; readonly toMs: number | undefined };

export interface Parsed {
  /** One frame asks for one thing, except `message.send` with a list. */
  readonly requests: readonly (Request | Refusal)[];
  /** The client wrote an id as a number, so it wants to read numbers (O2). */
  readonly numericIds: boolean;
  /** The client knows of actions beyond the document. */
  readonly extended: boolean;
}

type Parse = (fields: Fields, reader: Reader) => Request | readonly (Request | Refusal)[];

/** Never throws: what cannot be understood comes back as a `Refusal`. */
export function parseAction(value: unknown, limits: FieldLimits): Parsed {
  if (!isFields(value)) return refused(new Refusal("error", "Malformed action"));
  const action = value["action"];
  if (typeof action !== "string") return refused(new Refusal("error", "Malformed action"));
  const parse = parsers.get(action);
  if (parse === undefined) return refused(new Refusal("error", "Unknown action"));
  const extended = (extensionParsers as ReadonlyMap<string, Parse>).has(action) || value["extensions"] === true;
  let numericIds = false;
  const reader = createReader(limits, () => {
    numericIds = true;
  });
  try {
    const parsed = parse(value, reader);
    return { requests: Array.isArray(parsed) ? parsed : [parsed], numericIds, extended };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const needsLogin = !action.startsWith("auth.");
    return {
      requests: [new Refusal(`${action}.fail`, error.reason, error.clientId, needsLogin)],
      numericIds,
      extended,
    };
  }
}

const refused = (refusal: Refusal): Parsed => ({ requests: [refusal], numericIds: false, extended: false });

const parsers: ReadonlyMap<string, Parse> = new Map<string, Parse>([
  ["auth.register", parseRegister],
  ["auth.login", parseLogin],
  ["auth.logout", () => ({ action: "auth.logout" })],
  ["user.sync", () => ({ action: "user.sync" })],
  ["user.get", (fields, reader) => ({ action: "user.get", userId: reader.id(fields["user_id"], "User not found") })],
  ["avatar.set", ({ avatar }) => ({ action: "avatar.set", bytes: optionalBytes(avatar, "Invalid avatar") })],
  ["chat.create", parseCreate],
  ["message.send", parseSend],
  ["message.push.ack", parseAck],
  ["message.get", parseGet],
  ["heartbeat", () => ({ action: "heartbeat" })],
  ...extensionParsers,
]);

/** Every action a client may ask for. */
export const actionNames: readonly string[] = [...parsers.keys()];

function parseRegister(fields: Fields, reader: Reader): Request {
  const empty = "Empty user name or password"; // O24
  const name = text(fields["user_name"], { empty, wrong: "Invalid user name" });
  const password = text(fields["password"], { empty, wrong: "Invalid password" });
  if (name.trim() === "") throw new Refused(empty);
  if ([...name.trim().slice(0, 4 * nickCharactersMax)].length > nickCharactersMax) {
    throw new Refused("User name too long");
  }
  if (Buffer.byteLength(password) > passwordBytesMax) throw new Refused("Password too long");
  const invite = optionalText(fields["invite"], { wrong: "Invalid invite", charactersMax: inviteCharactersMax });
  return { action: "auth.register", name, password, invite, client: parseClient(fields, reader) };
}

function parseClient(fields: Fields, { limits }: Reader): ClientWishes {
  const charactersMax = limits.deviceNameCharactersMax;
  return {
    remember: flag(fields["remember"], "Invalid remember"),
    name: optionalText(fields["client_name"], { wrong: "Invalid client_name", charactersMax }),
  };
}

function parseLogin(fields: Fields, reader: Reader): Request {
  const empty = "Empty user_id or password"; // O24
  const deviceName = optionalText(fields["device_id"], {
    wrong: "Invalid device_id",
    charactersMax: reader.limits.deviceNameCharactersMax,
  });
  const acknowledges = fields["ack"] === true;
  const { files } = fields;
  if (!isAbsent(files) && files !== "url" && files !== "inline") throw new Refused("Invalid files");
  const wishes = { deviceName, acknowledges, filesByUrl: files === "url", client: parseClient(fields, reader) };
  if (!isAbsent(fields["token"])) {
    const token = text(fields["token"], { empty: "Invalid token", wrong: "Invalid token" });
    return { action: "auth.login", login: { by: "token", token }, ...wishes };
  }
  if (isAbsent(fields["user_id"])) throw new Refused(empty);
  const userId = reader.id(fields["user_id"], "Invalid user_id");
  const password = text(fields["password"], { empty, wrong: "Invalid password" });
  const account = String(userId ?? fields["user_id"]).slice(0, accountCharactersMax);
  return { action: "auth.login", login: { by: "password", userId, account, password }, ...wishes };
}

function parseCreate(fields: Fields, reader: Reader): Request {
  const { chatNameCharactersMax } = reader.limits;
  const members = idList(fields["members"], reader);
  const named = isAbsent(fields["chat_name"]) ? fields["name"] : fields["chat_name"]; // O16
  const name = optionalText(named, { wrong: "Invalid chat name", charactersMax: chatNameCharactersMax });
  return { action: "chat.create", members, name };
}

function parseSend(fields: Fields, reader: Reader): readonly (Request | Refusal)[] {
  const { message, messages } = fields;
  if (messages === undefined) return [parseMessage(message, fields, reader)];
  if (!Array.isArray(messages) || messages.length === 0) throw new Refused("Invalid message");
  if (messages.length > reader.limits.messagesPerRequestMax) throw new Refused("Too many messages");
  // Each message of a list is sent, and answered, for itself.
  return messages.map((one: unknown) => {
    try {
      return parseMessage(one, messages.length === 1 ? fields : {}, reader);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return new Refusal("message.send.fail", error.reason, error.clientId, true);
    }
  });
}

/** `client_id` may stand in the message or beside it. */
function parseMessage(message: unknown, around: Fields, reader: Reader): MessageSend {
  const wrong = "Invalid message";
  const fields = isFields(message) ? message : {};
  const given = isAbsent(fields["client_id"]) ? around["client_id"] : fields["client_id"];
  const clientId = typeof given === "number" && Number.isSafeInteger(given) ? String(given) : given;
  if (!isAbsent(clientId) && (typeof clientId !== "string" || !clientId.isWellFormed())) throw new Refused(wrong);
  const echoed = isAbsent(clientId) ? undefined : clientId;
  try {
    if (!isFields(message)) throw new Refused(wrong);
    if (isAbsent(fields["chat_id"])) throw new Refused("Chat not found");
    return {
      action: "message.send",
      chatId: reader.id(fields["chat_id"], wrong),
      type: text(fields["type"], { empty: wrong, wrong }),
      content: content(fields["content"]),
      clientId: echoed,
      clientTimeMs: parseTimeMs(fields["time"]),
    };
  } catch (error) {
    // A client id beyond what may be stored is not worth an echo either.
    if (error instanceof Refused && echoed !== undefined && echoed.length <= 256) {
      throw new Refused(error.reason, echoed);
    }
    throw error;
  }
}

/** Of MessagePack's binary, what is larger stays as it is: a file may keep it, and nobody may ask for its text. */
const base64FromBytesMax = 4096;

/** An opaque string, given back unchanged; MessagePack's binary becomes base64 (O14). */
function content(value: unknown): string | Uint8Array {
  if (typeof value === "string" && value.isWellFormed()) return value;
  if (value instanceof Uint8Array) {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    return bytes.byteLength > base64FromBytesMax ? bytes : bytes.toString("base64");
  }
  throw new Refused("Invalid message");
}

function parseAck(fields: Fields, reader: Reader): Request {
  return {
    action: "message.push.ack",
    messageIds: parseIds(fields["message_ids"], reader),
    chatIds: parseIds(fields["chat_ids"], reader),
  };
}

function parseIds(value: unknown, reader: Reader): readonly number[] | undefined {
  const wrong = "Invalid acknowledgement";
  if (isAbsent(value)) return undefined;
  if (!Array.isArray(value) || value.length > reader.limits.acknowledgedIdsMax) throw new Refused(wrong);
  return value.map((one: unknown) => reader.id(one, wrong)).filter((id) => id !== undefined);
}

function parseGet(fields: Fields, reader: Reader): Request {
  const range = parseRange(fields["start"], fields["end"]);
  const page = { limit: parseWhole(fields["limit"], "Invalid limit") || undefined, from: parseFrom(fields) };
  if (!isAbsent(fields["chat_id"])) {
    return { action: "message.get", of: { chat: reader.id(fields["chat_id"], "Chat not found") }, range, page };
  }
  return { action: "message.get", of: { user: reader.id(fields["user_id"], "User not found") }, range, page };
}

/** What an answer gave as `next`, or a place the client knows. */
function parseFrom(fields: Fields): HistoryPage["from"] {
  const wrong = "Invalid range";
  const { next } = fields;
  if (!isAbsent(next)) {
    const parts = typeof next === "string" ? /^(before|after):(\d{1,16})(?::(\d{1,7}))?$/.exec(next) : null;
    const place = safeInteger(parts?.[2] ?? "");
    if (parts === null || place === undefined) throw new Refused(wrong);
    return { go: parts[1] === "before" ? "down" : "up", place, index: Number(parts[3] ?? 0) };
  }
  const after = parseWhole(fields["after"], wrong);
  const before = parseWhole(fields["before"], wrong);
  if (after !== undefined && before !== undefined) throw new Refused(wrong);
  if (after !== undefined) return { go: "up", place: after, index: 0 };
  return before === undefined ? undefined : { go: "down", place: before, index: 0 };
}

function parseWhole(value: unknown, wrong: string): number | undefined {
  if (isAbsent(value)) return undefined;
  const number = typeof value === "string" ? safeInteger(value) : value;
  if (typeof number !== "number" || !Number.isSafeInteger(number) || number < 0) throw new Refused(wrong);
  return number;
}

/** Integers below this are places in the list, not times (O17). */
const indexMax = 1_000_000;

/** ISO times, epoch seconds or milliseconds, or small integers for places in the list; "" or nothing leaves an end open. */
function parseRange(start: unknown, end: unknown): HistoryRange {
  const from = parseBound(start);
  const to = parseBound(end);
  if (from?.index === undefined && to?.index === undefined) return { by: "time", fromMs: from?.ms, toMs: to?.ms };
  if (from?.ms !== undefined || to?.ms !== undefined) throw new Refused("Invalid range");
  return { by: "index", first: from?.index ?? 0, last: to?.index ?? Number.MAX_SAFE_INTEGER };
}

function parseBound(value: unknown): { readonly index?: number; readonly ms?: number } | undefined {
  if (isAbsent(value)) return undefined;
  const number = typeof value === "string" ? safeInteger(value) : value;
  if (typeof number === "number" && Number.isInteger(number) && number >= 0 && number < indexMax) {
    return { index: number };
  }
  const ms = parseTimeMs(value);
  if (ms === undefined) throw new Refused("Invalid range");
  return { ms };
}
