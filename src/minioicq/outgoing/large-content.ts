/**
 * Large content in this door (docs/protocols/files.md). It stands in pushes and histories as any other content, unless
 * the client asked for addresses alone (`auth.login` with `files: "url"`) or the content would not fit a frame. Missed
 * messages are read from the store without it; it is added just before a frame is made, so that what waits for a slow
 * client is not in memory.
 */
import { fileShape } from "../../delivery/shapes.ts";
import { base64Of, isLeftOut } from "../../domain/messages/content.ts";
import type { Message, MessageFile } from "../../domain/model.ts";
import type { MessageReads } from "../../domain/store.ts";
import { base64Text, type Dialect } from "../dialect.ts";
import type { MiniOicqLimits } from "../limits.ts";

/** The part of a frame with one message that is not its content. */
const aroundContentBytes = 64 * 1024;

type Limits = Pick<MiniOicqLimits, "frameBytesMax" | "socketBufferBytesMax" | "sendBytesHardMax">;

/** How much content a frame may hold: both ends have the same limit, and the socket's buffer must not drop it. */
export const contentBytesMaxOf = ({ frameBytesMax, socketBufferBytesMax, sendBytesHardMax }: Limits): number =>
  Math.max(0, Math.min(frameBytesMax, socketBufferBytesMax - sendBytesHardMax) - aroundContentBytes);

/** The bytes of content in a frame: binary as base64, text at the worst with each character escaped by JSON. */
const framedBytes = ({ bytes, form }: MessageFile): number => (form === "text" ? 6 * bytes : Math.ceil(bytes / 3) * 4);

/** @param contentBytesMax 0: the client asked for no large content in its frames. */
export const isIncluded = ({ file }: Message, contentBytesMax: number): boolean =>
  file === undefined || framedBytes(file) <= contentBytesMax;

/** The fields of a message that hold its content. */
export function contentFields(message: Message, dialect: Dialect) {
  const { file } = message;
  if (file === undefined) return { content: contentText(message, dialect) };
  const shown = isIncluded(message, dialect.contentBytesMax) && !isLeftOut(message);
  return { content: shown ? contentText(message, dialect) : undefined, file: fileShape(file) };
}

/** The bytes of a message in a push, near enough for bounds. */
export function messageBytes(message: Message, contentBytesMax: number): number {
  const { content, file } = message;
  if (file !== undefined) return isIncluded(message, contentBytesMax) ? framedBytesLikely(file) + 512 : 512;
  return (typeof content === "string" ? Buffer.byteLength(content) : Math.ceil(content.byteLength / 3) * 4) + 256;
}

/** Text is mostly not escaped. */
const framedBytesLikely = (file: MessageFile): number => (file.form === "text" ? file.bytes : framedBytes(file));

/** Whether content has to be read before these can be shown. */
export const needsContent = (messages: readonly Message[], contentBytesMax: number): boolean =>
  messages.some((message) => isLeftOut(message) && isIncluded(message, contentBytesMax));

/** The same messages, with the content that goes into a frame. */
export async function withFrameContent(
  store: Pick<MessageReads, "withContent">,
  messages: readonly Message[],
  contentBytesMax: number,
): Promise<Message[]> {
  const whole: Message[] = [];
  for (const message of messages) {
    const [read = message] = needsContent([message], contentBytesMax) ? await store.withContent([message]) : [];
    whole.push(read);
  }
  return whole;
}

/** Text as it was sent, in base64 for a client that writes it so (O14); bytes in base64. */
function contentText({ content, kind }: Message, { textBase64 }: Dialect): string {
  if (typeof content !== "string") return base64Of(content);
  return textBase64 && kind === "text" ? base64Text(content) : content;
}
