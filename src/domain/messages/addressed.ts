/**
 * Messages that address each recipient separately (REST `messageBlock`): one position in the chat, and a text for each
 * user or device that is addressed. A reader without a text sees nothing of the message; their position moves over it.
 */
import type { Addressee, Message, MessageReader } from "../model.ts";

/**
 * Gives the message as this reader sees it; hidden where the reader has no text. Ordinary messages are returned
 * unchanged.
 */
export function messageFor(message: Message, reader: MessageReader): Message {
  if (message.texts === undefined) return message;
  let own: string | undefined;
  for (const { userId, deviceId, text } of message.texts) {
    if (userId !== reader.userId) continue;
    if (deviceId === undefined) own ??= text;
    else if (deviceId === reader.deviceId) return withText(message, text);
  }
  return own === undefined ? hidden(message) : withText(message, own);
}

/** True where the message is not for this reader: it is not shown, and the reader's position moves over it. */
export const isHidden = (message: Message): boolean => message.addressed === "to_others";

/** Whether a change of a message concerns this reader: with `addressees` only whom the message was for. */
export const concerns = (
  { addressees }: { readonly addressees?: readonly Addressee[] },
  reader: MessageReader,
): boolean =>
  addressees === undefined ||
  addressees.some(
    ({ userId, deviceId }) => userId === reader.userId && (deviceId === undefined || deviceId === reader.deviceId),
  );

export function withText({ texts: _, ...message }: Message, text: string): Message {
  return { ...message, content: text, addressed: "to_reader" };
}

/** Removes kind and content too, for code that looks at those alone. */
export function hidden({ texts: _, ...message }: Message): Message {
  return { ...emptied(message), clientId: undefined, addressed: "to_others" };
}

/** What remains of a message when all that was said in it is gone. */
export function emptied(whole: Message): Message {
  const { replyTo: _, mentions: _1, revision: _2, editedAtMs: _3, reactions: _4, ...message } = whole;
  return { ...message, kind: "deleted", type: "deleted", content: "" };
}
