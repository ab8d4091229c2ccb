/**
 * All actions of this door: those of the MiniOICQ document, and those beyond it in its style (docs/protocols/minioicq.md). What a frame
 * decoded to is read here once; everything behind works with typed requests. Ids come as integers or numeric strings
 * (O2), a message alone or in a list (O7).
 */
import { Refusal } from "../errors.ts";
import type { Action } from "./action.ts";
import { createReader, type FieldLimits, isFields, Refused } from "./fields.ts";
import { acknowledge } from "./handlers/acknowledge.ts";
import { logIn, logOut, register } from "./handlers/auth.ts";
import { setAvatar } from "./handlers/avatar.ts";
import { addMembers, createChat, getChat, leaveChat, listChats, removeMembers, renameChat } from "./handlers/chats.ts";
import { block, unblock } from "./handlers/contacts.ts";
import { heartbeat } from "./handlers/heartbeat.ts";
import { getMessages } from "./handlers/history.ts";
import { endLogIn, listLogIns, setPassword } from "./handlers/log-ins.ts";
import { deleteMessage, sendMessage } from "./handlers/messages.ts";
import { getUser, syncUsers } from "./handlers/users.ts";

/**
 * A client that uses an action beyond the document, or logs in with `extensions: true`, is also given pushes beyond it.
 * Log-ins and reads begin when everything before them was answered, and nothing begins beside them.
 */
const table = {
  "auth.register": { ...register, needsLogIn: false, besideOthers: false, beyondDocument: false },
  "auth.login": { ...logIn, needsLogIn: false, besideOthers: false, beyondDocument: false },
  "auth.logout": { ...logOut, needsLogIn: false, besideOthers: false, beyondDocument: false },
  "user.sync": { ...syncUsers, needsLogIn: true, besideOthers: false, beyondDocument: false },
  "user.get": { ...getUser, needsLogIn: true, besideOthers: false, beyondDocument: false },
  "avatar.set": { ...setAvatar, needsLogIn: true, besideOthers: false, beyondDocument: false },
  "chat.create": { ...createChat, needsLogIn: true, besideOthers: true, beyondDocument: false },
  "message.send": { ...sendMessage, needsLogIn: true, besideOthers: true, beyondDocument: false },
  "message.push.ack": { ...acknowledge, needsLogIn: false, besideOthers: false, beyondDocument: false },
  "message.get": { ...getMessages, needsLogIn: true, besideOthers: false, beyondDocument: false },
  heartbeat: { ...heartbeat, needsLogIn: false, besideOthers: true, beyondDocument: false },
  "chat.list": { ...listChats, needsLogIn: true, besideOthers: false, beyondDocument: true },
  "chat.get": { ...getChat, needsLogIn: true, besideOthers: false, beyondDocument: true },
  "chat.leave": { ...leaveChat, needsLogIn: true, besideOthers: false, beyondDocument: true },
  "chat.add": { ...addMembers, needsLogIn: true, besideOthers: false, beyondDocument: true },
  "chat.remove": { ...removeMembers, needsLogIn: true, besideOthers: false, beyondDocument: true },
  "chat.rename": { ...renameChat, needsLogIn: true, besideOthers: false, beyondDocument: true },
  "message.delete": { ...deleteMessage, needsLogIn: true, besideOthers: false, beyondDocument: true },
  "contact.block": { ...block, needsLogIn: true, besideOthers: false, beyondDocument: true },
  "contact.unblock": { ...unblock, needsLogIn: true, besideOthers: false, beyondDocument: true },
  "password.set": { ...setPassword, needsLogIn: true, besideOthers: false, beyondDocument: true },
  "session.list": { ...listLogIns, needsLogIn: true, besideOthers: false, beyondDocument: true },
  "session.end": { ...endLogIn, needsLogIn: true, besideOthers: false, beyondDocument: true },
} as const satisfies Readonly<Record<string, Action<{ readonly action: string }>>>;

/** A request as its action's parser gives it, distinguished by `action`. */
export type Request = Parameters<(typeof table)[keyof typeof table]["handle"]>[1];

export const actionOf = ({ action }: Request): Action<Request> => table[action];

const actions: ReadonlyMap<string, Action<Request>> = new Map<string, Action<Request>>(Object.entries(table));

/** Every action a client may ask for. */
export const actionNames: readonly string[] = [...actions.keys()];

export interface Parsed {
  /** One frame asks for one thing, except `message.send` with a list. */
  readonly requests: readonly (Request | Refusal)[];
  /** The client wrote an id as a number, so it wants to read numbers (O2). */
  readonly numericIds: boolean;
  /** The client knows of actions beyond the document. */
  readonly extended: boolean;
}

/** Never throws: what cannot be understood comes back as a `Refusal`. */
export function parseAction(value: unknown, limits: FieldLimits): Parsed {
  if (!isFields(value)) return refused(new Refusal("error", "Malformed action"));
  const name = value["action"];
  if (typeof name !== "string") return refused(new Refusal("error", "Malformed action"));
  const action = actions.get(name);
  if (action === undefined) return refused(new Refusal("error", "Unknown action"));
  const extended = action.beyondDocument || value["extensions"] === true;
  let numericIds = false;
  const reader = createReader(limits, () => {
    numericIds = true;
  });
  try {
    const parsed = action.parse(value, reader);
    return { requests: Array.isArray(parsed) ? parsed : [parsed], numericIds, extended };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const needsLogIn = !name.startsWith("auth.");
    return {
      requests: [new Refusal(`${name}.fail`, error.reason, error.clientId, needsLogIn)],
      numericIds,
      extended,
    };
  }
}

const refused = (refusal: Refusal): Parsed => ({ requests: [refusal], numericIds: false, extended: false });
