/**
 * Messages that address each recipient by himself (REST `messageBlock`): one place in the chat, and a text for each user
 * or device it is for. Whoever has no text sees nothing of it; his position moves over it.
 */
import type { Message, MessageReader } from "../model.ts";

/** The message as this reader is to see it; hidden where he has no text. Ordinary messages come back as they are. */
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

/** Not for this reader: it is neither shown nor told, and his position moves over it. */
export const isHidden = (message: Message): boolean => message.addressed === "to_others";

export function withText({ texts: _, ...message }: Message, text: string): Message {
  return { ...message, content: text, addressed: "to_reader" };
}

/** Without its kind and content too, for whoever looks at those alone. */
export function hidden({ texts: _, ...message }: Message): Message {
  return { ...message, kind: "deleted", type: "deleted", content: "", clientId: undefined, addressed: "to_others" };
}
