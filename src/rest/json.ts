/**
 * Bodies as text. A page of fifty messages is answered some ten thousand times a second, so its JSON is put together by
 * hand; `messageShape` in delivery stays the definition, and a test holds this to it.
 */
import { isoTime } from "../delivery/shapes.ts";
import type { Message } from "../domain/model.ts";

const jsonHeaders = {
  "Content-Type": "application/json",
  "Cache-Control": "no-store",
  "X-Content-Type-Options": "nosniff",
};

export const json = (body: string, status = 200): Response => new Response(body, { status, headers: jsonHeaders });

/** Types as most clients spell them need no escaping. */
const plainType = /^[a-z0-9/.+-]+$/i;

/** Same text as `JSON.stringify(messageShape(message))`. Keys of chats and users are [a-zA-Z0-9.-] and need no escaping. */
export function messageJson(message: Message): string {
  const { content, clientId, type } = message;
  return (
    `{"message_id":"${message.messageId}","seq":${message.seq},"chat_id":"${message.chatId}",` +
    `"chatID":"${message.chatKey}","sender_id":"${message.senderId}","sender":"${message.senderKey}",` +
    `"type":${plainType.test(type) ? `"${type}"` : JSON.stringify(type)},"content":${
      typeof content === "string"
        ? JSON.stringify(content)
        : `"${Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString("base64")}","encoding":"base64"`
    },"time":"${isoTime(message.clientTimeMs ?? message.sentAtMs)}"${
      clientId === undefined ? "" : `,"client_id":${JSON.stringify(clientId)}`
    }}`
  );
}

export function messagesJson(messages: readonly Message[]): string {
  let text = "[";
  for (let index = 0; index < messages.length; index += 1) {
    const message = messages[index];
    if (message === undefined) continue;
    text += index === 0 ? messageJson(message) : `,${messageJson(message)}`;
  }
  return `${text}]`;
}
