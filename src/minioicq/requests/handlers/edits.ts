/** Editing a message, reacting to it, and asking what changed (docs/protocols/minioicq.md). */
import { isoTime } from "../../../delivery/shapes.ts";
import { DomainError } from "../../../domain/errors.ts";
import { safeInteger } from "../../../domain/keys.ts";
import { changesMax } from "../../../domain/messages/edits.ts";
import { reactionBytesMax } from "../../../domain/messages/reactions.ts";
import type { Message, UserId } from "../../../domain/model.ts";
import { type Dialect, plainText } from "../../dialect.ts";
import { withFrameContent } from "../../outgoing/large-content.ts";
import { messageBody, reactionBodies, wireId, wireMessageId } from "../../outgoing/push.ts";
import type { Handler } from "../action.ts";
import { answerWith } from "../answer.ts";
import { flag, isAbsent, optionalText, Refused, type WireId } from "../fields.ts";
import { messageMeant, parseContent, parseMentions } from "./messages.ts";

const epochCharactersMax = 64;

/** Throws `message_not_found`, `invalid_message`, `message_too_large`. */
export const editMessage: Handler<{
  readonly action: "message.edit";
  readonly messageId: WireId;
  readonly content: string | Uint8Array;
  readonly mentions: readonly UserId[] | undefined;
}> = {
  parse: (fields, reader) => ({
    action: "message.edit",
    messageId: reader.id(fields["message_id"], "Message not found"),
    content: parseContent(fields["content"]),
    mentions: parseMentions(fields["mentions"], reader),
  }),
  handle: async ({ shared, caller, user: { userId } }, { messageId, content, mentions }) => {
    const { edits, store } = shared.domain;
    const { dialect } = caller;
    const meant = await messageMeant(store, messageId, dialect);
    // A client that carries text in base64 does so here too, and nothing else (O14).
    const isText = dialect.textBase64 && (await store.findMessage(meant, 0))?.kind === "text";
    const plain = isText ? (plainText(content) ?? content) : content;
    const asBase64 = typeof plain === "string" ? undefined : true;
    const edited = await edits.edit({ userId, messageId: meant, content: plain, asBase64, mentions });
    return answerWith({
      action: "message.edit.success",
      chat_id: wireId(edited.chatId, dialect),
      message_id: wireMessageId(edited.messageId, dialect),
      revision: edited.revision,
      edited: edited.editedAtMs === undefined ? undefined : isoTime(edited.editedAtMs),
    });
  },
};

/** Throws `message_not_found`, `invalid_reaction`, `too_many_reactions`. */
export const reactToMessage: Handler<{
  readonly action: "message.react";
  readonly messageId: WireId;
  readonly reaction: string;
  readonly remove: boolean;
}> = {
  parse: (fields, reader) => {
    const { reaction } = fields;
    if (typeof reaction !== "string" || reaction.length > reactionBytesMax) throw new Refused("Invalid reaction");
    return {
      action: "message.react",
      messageId: reader.id(fields["message_id"], "Message not found"),
      reaction,
      remove: flag(fields["remove"], "Invalid remove"),
    };
  },
  handle: async ({ shared, caller, user: { userId } }, { messageId, reaction, remove }) => {
    const { edits, store } = shared.domain;
    const { dialect } = caller;
    const meant = await messageMeant(store, messageId, dialect);
    const reacted = await edits.react(userId, { messageId: meant, reaction, added: !remove });
    return answerWith({
      action: "message.react.success",
      chat_id: wireId(reacted.chatId, dialect),
      message_id: wireMessageId(reacted.messageId, dialect),
      revision: reacted.revision,
      reactions: reactionBodies(reacted.reactions, dialect),
    });
  },
};

/** What changed in a chat after a revision, the oldest change first. Throws `chat_not_found`. */
export const getChanges: Handler<{
  readonly action: "changes.get";
  readonly chatId: WireId;
  readonly after: number;
  readonly limit: number | undefined;
  readonly epoch: string | undefined;
}> = {
  parse: (fields, reader) => ({
    action: "changes.get",
    chatId: reader.id(fields["chat_id"], "Chat not found"),
    after: isAbsent(fields["after"]) ? 0 : whole(fields["after"], "Invalid after"),
    limit: isAbsent(fields["limit"]) ? undefined : whole(fields["limit"], "Invalid limit") || undefined,
    epoch: optionalText(fields["epoch"], { wrong: "Invalid epoch", charactersMax: epochCharactersMax }),
  }),
  handle: async ({ shared, caller, user: { userId } }, { chatId, after, limit = changesMax, epoch }) => {
    const { edits, store, epoch: current } = shared.domain;
    const { dialect } = caller;
    if (chatId === undefined) throw new DomainError("chat_not_found");
    const changes = await edits.changesAfter(
      { userId, deviceId: caller.deviceId },
      // A revision of another epoch is of no use.
      {
        chat: { id: chatId },
        after: epoch === undefined || epoch === current ? after : Number.MAX_SAFE_INTEGER,
        limit,
        inlineBytesMax: 0,
        bytesMax: shared.limits.pushBytesMax,
      },
    );
    const messages = await withFrameContent(store, changes.messages, dialect.contentBytesMax);
    return answerWith({
      action: "changes.get.success",
      chat_id: wireId(changes.chat.chatId, dialect),
      epoch: current,
      revision: changes.revision,
      changes: messages.map((message) => changeBody(message, dialect, userId)),
      more: changes.more,
      reset: changes.reset,
    });
  },
};

/** The message as it is now, or where it was. */
const changeBody = (message: Message, dialect: Dialect, reader: UserId) =>
  message.kind === "deleted"
    ? {
        change: "deleted",
        chat_id: wireId(message.chatId, dialect),
        message_id: wireMessageId(message.messageId, dialect),
        seq: message.seq,
        revision: message.revision,
      }
    : { change: "changed", revision: message.revision, message: messageBody(message, dialect, reader) };

function whole(value: unknown, wrong: string): number {
  const number = typeof value === "string" ? safeInteger(value) : value;
  if (typeof number !== "number" || !Number.isSafeInteger(number) || number < 0) throw new Refused(wrong);
  return number;
}
