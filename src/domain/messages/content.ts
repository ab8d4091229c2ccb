/**
 * Large content and the file that keeps it. Text is kept as UTF-8. Text that is exact base64 is kept as the bytes it
 * encodes, so that a picture is the same file whichever door it came through (O14).
 */
import type { ContentForm, Message, MessageFile } from "../model.ts";

export interface PackedContent {
  readonly bytes: Uint8Array;
  readonly form: ContentForm;
}

/** Checked first, so that a whole text is not decoded in vain. */
const probedCharacters = 256;
const base64Characters = /^[A-Za-z0-9+/]+={0,2}$/;

/**
 * Gives the bytes to keep, and how `unpackContent` restores the same content (of bytes `asBase64`, their text). Shares
 * memory with `content` where that is bytes.
 */
export function packContent(content: string | Uint8Array, asBase64 = false): PackedContent {
  if (typeof content !== "string") return { bytes: content, form: asBase64 ? "base64" : "bytes" };
  if (content.length % 4 === 0 && base64Characters.test(content.slice(0, probedCharacters))) {
    const bytes = Buffer.from(content, "base64");
    if (bytes.toString("base64") === content) return { bytes, form: "base64" };
  }
  return { bytes: Buffer.from(content), form: "text" };
}

export function unpackContent(bytes: Uint8Array, form: ContentForm): string | Uint8Array {
  if (form === "bytes") return bytes;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(form === "text" ? "utf8" : "base64");
}

export const base64Of = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");

/** Gives a message whose content is the base64 text of `bytes`. The text is made on first access. */
export function withBase64Content(message: Message & { readonly file: MessageFile }, bytes: Uint8Array): Message {
  let text: string | undefined;
  return Object.defineProperty({ ...message }, "content", {
    enumerable: true,
    get(): string {
      text ??= base64Of(bytes);
      return text;
    },
  });
}

/**
 * True where the content of a message read from the store is in its file alone. Code that shows the message must say
 * so.
 */
export const isLeftOut = (message: Message): message is Message & { readonly file: MessageFile } =>
  message.file !== undefined && message.content.length === 0;
