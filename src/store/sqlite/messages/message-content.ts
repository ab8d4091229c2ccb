/** Puts content that stands in files back into messages that were read from the database, one file after the other. */
import { isLeftOut } from "../../../domain/messages/content.ts";
import type { Message, Sent } from "../../../domain/model.ts";
import type { Files } from "../../files/files.ts";

export type MessageContent = ReturnType<typeof createMessageContent>;

export function createMessageContent(files: Pick<Files, "read">) {
  /** Files larger than `inlineBytesMax` stay left out, and so does one that cannot be read. Mostly there is nothing to do. */
  function withContent(
    messages: readonly Message[],
    inlineBytesMax = Number.POSITIVE_INFINITY,
  ): Message[] | Promise<Message[]> {
    const isWanted = (message: Message): boolean => isLeftOut(message) && message.file.bytes <= inlineBytesMax;
    return messages.some(isWanted) ? readInto(messages, isWanted) : [...messages];
  }

  async function readInto(messages: readonly Message[], isWanted: (message: Message) => boolean): Promise<Message[]> {
    const whole = [...messages];
    for (const [index, message] of whole.entries()) {
      if (message.file === undefined || !isWanted(message)) continue;
      const content = await files.read(message.file);
      if (content !== undefined) whole[index] = { ...message, content };
    }
    return whole;
  }

  async function withContentOf(sent: Sent): Promise<Sent> {
    const [message = sent.message] = await withContent([sent.message]);
    return { ...sent, message };
  }

  return { withContent, withContentOf };
}
