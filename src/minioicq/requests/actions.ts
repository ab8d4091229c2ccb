/**
 * All actions of this door: those of the MiniOICQ document, and those beyond it in its style (docs/protocols/minioicq.md). What a frame
 * decoded to is read here once; everything behind works with typed requests. Ids come as integers or numeric strings
 * (O2), a message alone or in a list (O7).
 */
import { Refusal } from "../errors.ts";
import type { Action } from "./action.ts";
import { createReader, type FieldLimits, isFields, Refused } from "./fields.ts";
import { acknowledge } from "./handlers/acknowledge.ts";
import { linkLogIn, logIn, logOut, register } from "./handlers/auth.ts";
import { setAvatar, setChatAvatar } from "./handlers/avatar.ts";
import { listChats } from "./handlers/chat-list.ts";
import { addMembers, createChat, getChat, leaveChat, muteChat, removeMembers, renameChat } from "./handlers/chats.ts";
import { block, confirmContact, listContacts, requestContact, revokeContact, unblock } from "./handlers/contacts.ts";
import { editMessage, getChanges, reactToMessage } from "./handlers/edits.ts";
import { exportAccount } from "./handlers/export.ts";
import { heartbeat } from "./handlers/heartbeat.ts";
import { getMessages } from "./handlers/history.ts";
import { addHook, listHooks, removeHook } from "./handlers/hooks.ts";
import { createInvite } from "./handlers/invites.ts";
import { linkPhone, sendPhoneCode, unlinkPassword, unlinkPhone } from "./handlers/links.ts";
import { endLogIn, listLogIns, setLoginName, setPassword } from "./handlers/log-ins.ts";
import { confirmMessages, deleteMessage, sendMessage } from "./handlers/messages.ts";
import { setPresence, watchPresence } from "./handlers/presence.ts";
import { listReceipts, readMessages, setReceipts } from "./handlers/receipts.ts";
import { deleteAccount, forgotPassword, resetPassword } from "./handlers/recovery.ts";
import { searchMessages } from "./handlers/search.ts";
import { serverInfo } from "./handlers/server.ts";
import { addToken, listTokens, revokeToken } from "./handlers/tokens.ts";
import { sayTyping } from "./handlers/typing.ts";
import { getUser, searchUsers, setProfile, syncUsers } from "./handlers/users.ts";

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
  "chat.mute": { ...muteChat, needsLogIn: true, besideOthers: false, beyondDocument: true },
  "hook.add": { ...addHook, needsLogIn: true, besideOthers: false, beyondDocument: true },
  "hook.list": { ...listHooks, needsLogIn: true, besideOthers: false, beyondDocument: true },
  "hook.remove": { ...removeHook, needsLogIn: true, besideOthers: false, beyondDocument: true },
  "chat.rename": { ...renameChat, needsLogIn: true, besideOthers: false, beyondDocument: true },
  "chat.avatar.set": { ...setChatAvatar, needsLogIn: true, besideOthers: false, beyondDocument: true },
  "chat.typing": { ...sayTyping, needsLogIn: true, besideOthers: false, beyondDocument: true },
  "message.confirm": { ...confirmMessages, needsLogIn: true, besideOthers: false, beyondDocument: true },
  "message.read": { ...readMessages, needsLogIn: true, besideOthers: false, beyondDocument: true },
  "receipt.list": { ...listReceipts, needsLogIn: true, besideOthers: false, beyondDocument: true },
  "receipt.set": { ...setReceipts, needsLogIn: true, besideOthers: false, beyondDocument: true },
  "presence.watch": { ...watchPresence, needsLogIn: true, besideOthers: false, beyondDocument: true },
  "presence.set": { ...setPresence, needsLogIn: true, besideOthers: false, beyondDocument: true },
  "message.delete": { ...deleteMessage, needsLogIn: true, besideOthers: false, beyondDocument: true },
  "message.edit": { ...editMessage, needsLogIn: true, besideOthers: false, beyondDocument: true },
  "message.react": { ...reactToMessage, needsLogIn: true, besideOthers: false, beyondDocument: true },
  "changes.get": { ...getChanges, needsLogIn: true, besideOthers: false, beyondDocument: true },
  "server.info": { ...serverInfo, needsLogIn: false, besideOthers: false, beyondDocument: true },
  "message.search": { ...searchMessages, needsLogIn: true, besideOthers: false, beyondDocument: true },
  "user.search": { ...searchUsers, needsLogIn: true, besideOthers: false, beyondDocument: true },
  "profile.set": { ...setProfile, needsLogIn: true, besideOthers: false, beyondDocument: true },
  "contact.list": { ...listContacts, needsLogIn: true, besideOthers: false, beyondDocument: true },
  "contact.request": { ...requestContact, needsLogIn: true, besideOthers: false, beyondDocument: true },
  "contact.confirm": { ...confirmContact, needsLogIn: true, besideOthers: false, beyondDocument: true },
  "contact.revoke": { ...revokeContact, needsLogIn: true, besideOthers: false, beyondDocument: true },
  "contact.block": { ...block, needsLogIn: true, besideOthers: false, beyondDocument: true },
  "contact.unblock": { ...unblock, needsLogIn: true, besideOthers: false, beyondDocument: true },
  "password.set": { ...setPassword, needsLogIn: true, besideOthers: false, beyondDocument: true },
  "password.unlink": { ...unlinkPassword, needsLogIn: true, besideOthers: false, beyondDocument: true },
  "phone.code": { ...sendPhoneCode, needsLogIn: true, besideOthers: false, beyondDocument: true },
  "phone.link": { ...linkPhone, needsLogIn: true, besideOthers: false, beyondDocument: true },
  "phone.unlink": { ...unlinkPhone, needsLogIn: true, besideOthers: false, beyondDocument: true },
  "invite.create": { ...createInvite, needsLogIn: true, besideOthers: false, beyondDocument: true },
  "auth.link": { ...linkLogIn, needsLogIn: true, besideOthers: false, beyondDocument: true },
  "account.export": { ...exportAccount, needsLogIn: true, besideOthers: false, beyondDocument: true },
  "account.delete": { ...deleteAccount, needsLogIn: true, besideOthers: false, beyondDocument: true },
  "password.forgot": { ...forgotPassword, needsLogIn: false, besideOthers: false, beyondDocument: true },
  "password.reset": { ...resetPassword, needsLogIn: false, besideOthers: false, beyondDocument: true },
  "login_name.set": { ...setLoginName, needsLogIn: true, besideOthers: false, beyondDocument: true },
  "token.add": { ...addToken, needsLogIn: true, besideOthers: false, beyondDocument: true },
  "token.list": { ...listTokens, needsLogIn: true, besideOthers: false, beyondDocument: true },
  "token.revoke": { ...revokeToken, needsLogIn: true, besideOthers: false, beyondDocument: true },
  "session.list": { ...listLogIns, needsLogIn: true, besideOthers: false, beyondDocument: true },
  "session.end": { ...endLogIn, needsLogIn: true, besideOthers: false, beyondDocument: true },
} as const satisfies Readonly<Record<string, Action<{ readonly action: string }>>>;

/** A request as its action's parser gives it, distinguished by `action`. */
export type Request = Parameters<(typeof table)[keyof typeof table]["handle"]>[1];

export const actionOf = ({ action }: Request): Action<Request> => table[action];

const actions: ReadonlyMap<string, Action<Request>> = new Map<string, Action<Request>>(Object.entries(table));

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
    const needsLogIn = !name.startsWith("auth.") && (action.needsLogIn || !action.beyondDocument);
    return {
      requests: [new Refusal(`${name}.fail`, error.reason, error.clientId, needsLogIn)],
      numericIds,
      extended,
    };
  }
}

const refused = (refusal: Refusal): Parsed => ({ requests: [refusal], numericIds: false, extended: false });
