/** The JSON that MQTT and REST have in common (docs/mqtt.md, docs/protocols/rest.md), as what was heard. */
import type { Found, Heard } from "./client.ts";

export interface MessageJson {
  readonly message_id: string;
  readonly seq: number;
  readonly chat_id: string;
  readonly chatID: string;
  readonly sender_id: string;
  readonly type: string;
  readonly content?: string;
  readonly encoding?: "base64";
  readonly client_id?: string;
  readonly reply_to?: string;
  readonly file?: { readonly hash: string };
  readonly reactions?: readonly { readonly reaction: string }[];
}

export interface ChangeJson {
  readonly change: "edited" | "deleted" | "reacted" | "changed";
  readonly revision: number;
  readonly message?: MessageJson;
  readonly message_id?: string;
  readonly seq?: number;
  readonly chat_id?: string;
  readonly user_id?: string;
  readonly reaction?: string;
  readonly added?: boolean;
}

const bytesOf = ({ content, encoding }: MessageJson): Buffer | undefined =>
  content === undefined ? undefined : Buffer.from(content, encoding ?? "utf8");

export const messageHeard = (message: MessageJson, as: string, what: "message" | "edited" = "message"): Heard => ({
  what,
  as,
  chat: message.chat_id,
  id: message.message_id,
  seq: message.seq,
  type: message.type,
  content: bytesOf(message),
  file: message.file?.hash,
  replyTo: message.reply_to,
  clientId: message.client_id,
  user: message.sender_id,
});

export function changeHeard(change: ChangeJson, as: string): Heard {
  const { message, message_id: id = "", seq, chat_id: chat = "", reaction = "" } = change;
  if (change.change === "edited" && message !== undefined) return messageHeard(message, as, "edited");
  if (change.change === "deleted") return { what: "deleted", as, chat, id, seq };
  return { what: "reacted", as, chat, id, seq, user: change.user_id ?? "", reaction };
}

export const changeFound = (change: ChangeJson, as: string): Found => ({
  as,
  id: change.message?.message_id ?? change.message_id ?? "",
  deleted: change.change === "deleted",
  content: change.message === undefined ? undefined : bytesOf(change.message),
  reactions: (change.message?.reactions ?? []).map(({ reaction }) => reaction),
});

/** A topic of `chat/…`: messages, changes, receipts or typing. */
export function topicHeard(topic: string, payload: string): Heard[] {
  const value = JSON.parse(payload);
  const channel = topic.slice(topic.lastIndexOf("/") + 1);
  if (channel === "messages") return [messageHeard(value, topic)];
  if (channel === "changes") return "change" in value ? [changeHeard(value, `${topic} ${value.change}`)] : [];
  if (channel === "typing") {
    return [{ what: "typing", as: topic, chat: value.chat_id, user: value.user_id, typing: value.typing }];
  }
  if (channel === "receipts") return receiptsHeard(value, topic);
  throw new Error(`not expected on ${topic}: ${payload.slice(0, 200)}`);
}

export const receiptsHeard = (
  receipts: readonly { chat_id: string; user_id: string; delivered: number; read?: number }[],
  as: string,
): Heard[] =>
  receipts.map(({ chat_id: chat, user_id: user, delivered, read }) => ({
    what: "receipt",
    as,
    chat,
    user,
    delivered,
    read,
  }));
