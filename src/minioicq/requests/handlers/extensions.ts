/** Which handler answers which action beyond the document. */
import type { User } from "../../../domain/model.ts";
import type { Front } from "../../shared.ts";
import type { ExtensionRequest } from "../extensions.ts";
import { changeBlock } from "./contacts.ts";
import type { Answer, Connection } from "./dispatch.ts";
import { handleGroup } from "./groups.ts";
import { deleteMessage } from "./message.ts";
import { handleSession } from "./sessions.ts";

/** Throws `DomainError` where the product says no. */
export async function handleExtension(
  front: Front,
  connection: Connection,
  user: User,
  request: ExtensionRequest,
): Promise<Answer> {
  const { dialect } = connection;
  switch (request.action) {
    case "chat.list":
    case "chat.get":
    case "chat.leave":
    case "chat.add":
    case "chat.remove":
    case "chat.rename":
      return { is: "said", body: await handleGroup(front, dialect, user, request) };
    case "message.delete":
      return { is: "said", body: await deleteMessage(front, dialect, user, request) };
    case "contact.block":
    case "contact.unblock":
      return { is: "said", body: await changeBlock(front, dialect, user, request) };
    case "password.set":
    case "session.list":
    case "session.end":
      return handleSession(front, connection, user, request);
  }
}
