/**
 * Messages as text. Pages of fifty are answered some ten thousand times a second, and every message that is sent is told, so
 * their JSON is put together by hand, or many at once. `messageShape` stays the definition, and a test compares the two.
 */

import { shownTimeMs } from "../domain/messages/messages.ts";
import type { Message, MessageFile, Sent } from "../domain/model.ts";
import { beyondContentShape, fileShape, isBeyondContent, isInline, isoTime } from "./shapes.ts";

/** The same text as `JSON.stringify(messageShape(message))`. Keys of chats and users are [a-zA-Z0-9.@_:-] and need no escaping. */
export function messageJson(message: Message): string {
  const { clientId, type, file } = message;
  return (
    `{"message_id":"${message.messageId}","seq":${message.seq},"chat_id":"${message.chatId}",` +
    `"chatID":"${message.chatKey}","sender_id":"${message.senderId}","sender":"${message.senderKey}",` +
    `"type":${type === "text" ? '"text"' : JSON.stringify(type)}${file === undefined ? contentJson(message) : fileJson(message, file)},"time":"${timeText(shownTimeMs(message))}"${
      clientId === undefined ? "" : `,"client_id":${JSON.stringify(clientId)}`
    }${isBeyondContent(message) ? beyondContentJson(message) : ""}}`
  );
}

const beyondContentJson = (message: Message): string => `,${JSON.stringify(beyondContentShape(message)).slice(1, -1)}`;

function contentJson({ content }: Message): string {
  if (typeof content === "string") return `,"content":${JSON.stringify(content)}`;
  const text = Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString("base64");
  return `,"content":"${text}","encoding":"base64"`;
}

const fileJson = (message: Message, file: MessageFile): string =>
  `${isInline(message) ? contentJson(message) : ""},"file":${JSON.stringify(fileShape(file))}`;

export const messagesJson = (messages: readonly Message[]): string => `[${messageListJson(messages)}]`;

/**
 * The JSON of each, with commas between them. Where all are plain the runtime writes them in one call, in half the time that
 * it takes to put the texts of fifty together.
 */
export function messageListJson(messages: readonly Message[]): string {
  if (messages.length >= manyMessages && messages.every(isPlain)) {
    return JSON.stringify(messages.map(plainShape)).slice(1, -1);
  }
  return messages.map(messageJson).join(",");
}

const manyMessages = 4;

const isPlain = (message: Message): boolean =>
  message.file === undefined && typeof message.content === "string" && !isBeyondContent(message);

/** `messageShape` of a plain message. */
const plainShape = (message: Message) => ({
  message_id: String(message.messageId),
  seq: message.seq,
  chat_id: String(message.chatId),
  chatID: message.chatKey,
  sender_id: String(message.senderId),
  sender: message.senderKey,
  type: message.type,
  content: message.content,
  time: timeText(shownTimeMs(message)),
  client_id: message.clientId,
});

/** What the sender receives for their own message. */
export function sentJson({ message }: Sent): string {
  const { clientId } = message;
  return (
    `{"message_id":"${message.messageId}","seq":${message.seq},"chat_id":"${message.chatId}","chatID":"${message.chatKey}",` +
    `"time":"${timeText(shownTimeMs(message))}"${clientId === undefined ? "" : `,"client_id":${JSON.stringify(clientId)}`}}`
  );
}

const dayMs = 86_400_000;
const digits = (width: number) => Array.from({ length: 10 ** width }, (_, value) => String(value).padStart(width, "0"));
/** Made when a time is first printed, since the loop would load the optimiser at the start (docs/decisions/build.md). */
let two: readonly string[] = [];
let three: readonly string[] = [];
let day = -1;
let dayText = "";
let lastMs = -1;
let lastText = "";

/** `isoTime`. Messages of one commit have one time, which is printed once. */
function timeText(ms: number): string {
  if (ms !== lastMs) {
    lastText = textOf(ms);
    lastMs = ms;
  }
  return lastText;
}

/** Four times as fast as `isoTime` for times of one day, since the date is printed once. */
function textOf(ms: number): string {
  if (!Number.isSafeInteger(ms) || ms < 0) return isoTime(ms);
  if (two.length === 0) [two, three] = [digits(2), digits(3)];
  const today = Math.floor(ms / dayMs);
  if (today !== day) {
    dayText = isoTime(today * dayMs).slice(0, -13);
    day = today;
  }
  const rest = ms - today * dayMs;
  const seconds = Math.floor(rest / 1000);
  const minutes = Math.floor(seconds / 60);
  return `${dayText}${two[Math.floor(minutes / 60)]}:${two[minutes % 60]}:${two[seconds % 60]}.${three[rest % 1000]}Z`;
}
