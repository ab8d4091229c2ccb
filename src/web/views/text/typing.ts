/** Who types, in words. */
import type { Chat, Id, Person } from "../../state/model.ts";
import type { Words } from "../../words/en.ts";
import { personName } from "./names.ts";

export function typingWords(words: Words, chat: Chat, people: ReadonlyMap<Id, Person>): string {
  if (chat.kind === "direct") return words.typing;
  const [first, second] = chat.typing.map((userId) => personName(words, people.get(userId), userId));
  if (first === undefined) return "";
  if (second === undefined) return words.typingOne(first);
  return chat.typing.length === 2 ? words.typingTwo(first, second) : words.typingMany(chat.typing.length);
}
