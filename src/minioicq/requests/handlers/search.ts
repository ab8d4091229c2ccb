/** `message.search`: messages of the user's chats by their words. */
import { DomainError } from "../../../domain/errors.ts";
import { safeInteger } from "../../../domain/keys.ts";
import { queryCharactersMax } from "../../../domain/messages/search.ts";
import { withFrameContent } from "../../outgoing/large-content.ts";
import { messageBody } from "../../outgoing/push.ts";
import type { Handler } from "../action.ts";
import { answerWith } from "../answer.ts";
import { isAbsent, Refused, text, type WireId } from "../fields.ts";

interface MessageSearch {
  readonly action: "message.search";
  readonly query: string;
  /** Undefined: in all chats. */
  readonly chat: { readonly id: WireId } | undefined;
  readonly limit: number | undefined;
  /** The `next` of the page before. */
  readonly before: number | undefined;
}

/** Throws `invalid_query`, `chat_not_found`, `search_off`, `busy`. */
export const searchMessages: Handler<MessageSearch> = {
  parse: (fields, reader) => {
    const query = text(fields["query"], { empty: "Invalid query", wrong: "Invalid query" });
    if (query.length > queryCharactersMax) throw new Refused("Invalid query");
    return {
      action: "message.search",
      query,
      chat: isAbsent(fields["chat_id"]) ? undefined : { id: reader.id(fields["chat_id"], "Chat not found") },
      limit: whole(fields["limit"], "Invalid limit") || undefined,
      before: whole(fields["next"], "Invalid next"),
    };
  },
  handle: async ({ shared: { domain }, caller: { dialect }, user }, { query, chat, limit, before }) => {
    if (chat !== undefined && chat.id === undefined) throw new DomainError("chat_not_found");
    const found = await domain.search(user.userId, {
      query,
      chat: chat?.id === undefined ? undefined : { id: chat.id },
      before,
      limit,
      inlineBytesMax: 0,
    });
    const messages = await withFrameContent(domain.store, found.messages, dialect.contentBytesMax);
    return answerWith({
      action: "message.search.success",
      messages: messages.map((message) => messageBody(message, dialect, user.userId)),
      next: found.next === undefined ? undefined : String(found.next),
    });
  },
};

function whole(value: unknown, wrong: string): number | undefined {
  if (isAbsent(value)) return undefined;
  const number = typeof value === "string" ? safeInteger(value) : value;
  if (typeof number !== "number" || !Number.isSafeInteger(number) || number < 0) throw new Refused(wrong);
  return number;
}
