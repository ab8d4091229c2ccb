/**
 * How frames for one client are written, which follows from how the client writes (O1, O2, O14): in the
 * encoding of its last frame, with ids as numbers once it wrote one so, and with text in base64 where it writes MIME
 * types and the operator allows that.
 */
import { isUtf8 } from "node:buffer";
import { kindOfType } from "../domain/messages/messages.ts";
import type { MiniOicqOptions } from "./options.ts";
import type { Encoding } from "./requests/codec.ts";

export interface Dialect {
  readonly encoding: Encoding;
  /** Ids as integers; otherwise as strings, as the document has them. */
  readonly numericIds: boolean;
  /** Text goes out in base64, as this client's own text came in. */
  readonly textBase64: boolean;
  /** Large content of more bytes than this is left out; 0: all of it. */
  readonly contentBytesMax: number;
  /** Pictures are given by their address alone. */
  readonly avatarsByUrl: boolean;
  /** The client knows what the document does not: keys of messages, and pushes. */
  readonly extended: boolean;
}

/** What of a message its client wrote. */
interface WrittenMessage {
  readonly type: string;
  readonly content: string | Uint8Array;
}

/** Learns from what the client writes. */
export class DialectBuilder {
  /** Of the client's last frame; MessagePack before it sent one. */
  encoding: Encoding = "msgpack";
  #numericIds: boolean;
  readonly #watchesTypes: boolean;
  #mimeTypes: boolean;
  readonly #frameContentBytesMax: number;
  /** The client wants large content as an address alone. */
  filesByUrl = false;
  /** The client wants pictures as an address alone. */
  avatarsByUrl = false;
  /** The client knows pushes beyond the document. */
  extended = false;

  constructor({ integerIds, textBase64 }: MiniOicqOptions, frameContentBytesMax: number) {
    this.#frameContentBytesMax = frameContentBytesMax;
    // The client that needs `always` writes MIME types, and it may be pushed a message before it sends one.
    this.#numericIds = integerIds === "always";
    this.#mimeTypes = integerIds === "always";
    this.#watchesTypes = textBase64 === "auto";
  }

  wroteNumericIds(): void {
    this.#numericIds = true;
  }

  get contentBytesMax(): number {
    return this.filesByUrl ? 0 : this.#frameContentBytesMax;
  }

  dialect(encoding = this.encoding): Dialect {
    return {
      encoding,
      numericIds: this.#numericIds,
      textBase64: this.#watchesTypes && this.#mimeTypes,
      contentBytesMax: this.contentBytesMax,
      avatarsByUrl: this.avatarsByUrl,
      extended: this.extended,
    };
  }

  /** Whether `inPlain` may change something. */
  get watchesTypes(): boolean {
    return this.#watchesTypes;
  }

  /** A message as the domain is to see it: text in plain. */
  inPlain<Written extends WrittenMessage>(message: Written): Written {
    this.#mimeTypes = message.type.includes("/");
    if (!this.#mimeTypes || kindOfType(message.type) !== "text") return message;
    const plain = plainText(message.content);
    return plain === undefined ? message : { ...message, content: plain };
  }
}

/** Undefined where `content` is not the one base64 form of some UTF-8 text. Bytes are their own base64, decoded. */
export function plainText(content: string | Uint8Array): string | undefined {
  if (typeof content !== "string") {
    return isUtf8(content) ? Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString() : undefined;
  }
  const bytes = Buffer.from(content, "base64");
  if (bytes.toString("base64") !== content || !isUtf8(bytes)) return undefined;
  const plain = bytes.toString("utf8");
  return base64Text(plain) === content ? plain : undefined;
}

export const base64Text = (text: string): string => Buffer.from(text, "utf8").toString("base64");
