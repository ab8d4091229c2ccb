/**
 * Actions beyond `MINIOICQ.md`, in its style (docs/minioicq.md). A connection that uses one of them, or says
 * `extensions: true` when it logs in, is also told what the document has no message for; any other is not.
 */
import { passwordBytesMax } from "../../domain/people/passwords.ts";
import { type Fields, flag, idList, type Reader, Refused, text, type WireId } from "./fields.ts";

/** Longer ones are none of ours. */
const sessionIdCharactersMax = 64;

export type ExtensionRequest =
  | { readonly action: "chat.list"; readonly after: number }
  | { readonly action: "chat.get" | "chat.leave"; readonly chatId: WireId }
  | { readonly action: "chat.add" | "chat.remove"; readonly chatId: WireId; readonly members: readonly WireId[] }
  | { readonly action: "chat.rename"; readonly chatId: WireId; readonly name: string }
  | { readonly action: "message.delete"; readonly messageId: WireId }
  | { readonly action: "contact.block" | "contact.unblock"; readonly userId: WireId }
  | {
      readonly action: "password.set";
      readonly password: string;
      readonly oldPassword: string;
      readonly endSessions: boolean;
    }
  | { readonly action: "session.list" }
  | { readonly action: "session.end"; readonly sessionId: string };

type Parse = (fields: Fields, reader: Reader) => ExtensionRequest;

export const extensionParsers: ReadonlyMap<ExtensionRequest["action"], Parse> = new Map<
  ExtensionRequest["action"],
  Parse
>([
  ["chat.list", parseList],
  ["chat.get", (fields, reader) => ({ action: "chat.get", chatId: chatId(fields, reader) })],
  ["chat.leave", (fields, reader) => ({ action: "chat.leave", chatId: chatId(fields, reader) })],
  ["chat.add", (fields, reader) => ({ action: "chat.add", ...parsePeople(fields, reader) })],
  ["chat.remove", (fields, reader) => ({ action: "chat.remove", ...parsePeople(fields, reader) })],
  ["chat.rename", parseRename],
  [
    "message.delete",
    ({ message_id: id }, reader) => ({ action: "message.delete", messageId: reader.id(id, "Message not found") }),
  ],
  [
    "contact.block",
    ({ user_id: id }, reader) => ({ action: "contact.block", userId: reader.id(id, "User not found") }),
  ],
  [
    "contact.unblock",
    ({ user_id: id }, reader) => ({ action: "contact.unblock", userId: reader.id(id, "User not found") }),
  ],
  ["password.set", parsePassword],
  ["session.list", () => ({ action: "session.list" })],
  ["session.end", parseEnd],
]);

const chatId = (fields: Fields, reader: Reader): WireId => reader.id(fields["chat_id"], "Chat not found");

function parseList({ after }: Fields, reader: Reader): ExtensionRequest {
  const id = after === undefined || after === null || after === "" ? 0 : reader.id(after, "Invalid after");
  if (id === undefined) throw new Refused("Invalid after");
  return { action: "chat.list", after: id };
}

function parsePeople(fields: Fields, reader: Reader) {
  const members = idList(fields["members"], reader);
  if (members.length === 0) throw new Refused("Invalid members");
  return { chatId: chatId(fields, reader), members };
}

function parseRename(fields: Fields, reader: Reader): ExtensionRequest {
  const wrong = "Invalid chat name";
  const given = fields["name"] ?? fields["chat_name"];
  const name = text(given, { empty: wrong, wrong }).trim();
  if (name === "" || name.length > reader.limits.chatNameCharactersMax) throw new Refused(wrong);
  return { action: "chat.rename", chatId: chatId(fields, reader), name };
}

function parsePassword(fields: Fields): ExtensionRequest {
  const password = text(fields["password"], { empty: "Empty password", wrong: "Invalid password" });
  if (Buffer.byteLength(password) > passwordBytesMax) throw new Refused("Password too long");
  const oldPassword = text(fields["old_password"], { empty: "Incorrect password", wrong: "Invalid password" });
  const endSessions = flag(fields["end_sessions"], "Invalid end_sessions");
  return { action: "password.set", password, oldPassword, endSessions };
}

function parseEnd(fields: Fields): ExtensionRequest {
  const wrong = "Session not found";
  const sessionId = text(fields["session_id"], { empty: wrong, wrong });
  if (sessionId.length > sessionIdCharactersMax) throw new Refused(wrong);
  return { action: "session.end", sessionId };
}
