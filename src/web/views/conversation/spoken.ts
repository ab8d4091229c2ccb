/** A message in a line: for the list of chats, a quote, and readers of the screen. */
import type { Message } from "../../state/model.ts";
import type { Words } from "../../words/en.ts";

/** At most 200 characters, without line breaks. */
export function spoken(words: Words, message: Message): string {
  if (message.deleted) return words.deleted;
  if (message.text !== undefined) return message.text.slice(0, 200).replace(/\s+/g, " ");
  const name = message.file?.name;
  const kind = kindOf(message);
  if (kind === "other") return words.unknownType(message.type.slice(0, 64));
  return name === undefined ? words[kind] : `${words[kind]}: ${name.slice(0, 120)}`;
}

/** What is shown: by the type that the server found safe, else by the sender's. */
export function kindOf(message: Message): "picture" | "video" | "audio" | "file" | "other" {
  const type = message.file?.type ?? message.type;
  if (type === "image" || type.startsWith("image/")) return "picture";
  if (type === "video" || type.startsWith("video/")) return "video";
  if (type === "audio" || type.startsWith("audio/")) return "audio";
  return message.file !== undefined || type === "file" ? "file" : "other";
}
