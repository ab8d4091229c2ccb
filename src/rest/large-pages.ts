/**
 * Pages of messages whose content is in files. The content shown inline is read only as far as one answer may hold it.
 * The first message of a page always fits; the page that follows begins with the first message that did not fit.
 */
import { inlineFileBytesMax } from "../delivery/shapes.ts";
import type { Message } from "../domain/model.ts";
import type { MessageReads } from "../domain/store.ts";

/** @param walk the direction in which pages follow each other; `messages` is ascending in any case. */
export function fitting(messages: readonly Message[], walk: "up" | "down", bytesMax: number): readonly Message[] {
  let bytes = 0;
  const over = (message: Message, index: number): boolean => {
    bytes += weightOf(message);
    return bytes > bytesMax && index > 0;
  };
  if (walk === "up") {
    const end = messages.findIndex(over);
    return end === -1 ? messages : messages.slice(0, end);
  }
  const end = messages.toReversed().findIndex(over);
  return end === -1 ? messages : messages.slice(messages.length - end);
}

const weightOf = ({ content, file }: Message): number =>
  file === undefined ? content.length : file.bytes > inlineFileBytesMax ? 0 : file.bytes;

/** The same messages, with the content that the JSON shows. */
export const withInlineContent = (
  store: Pick<MessageReads, "withContent">,
  messages: readonly Message[],
): Promise<Message[]> => store.withContent(messages, inlineFileBytesMax);
