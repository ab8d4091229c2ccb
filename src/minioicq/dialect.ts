/**
 * How a connection wants to be spoken to, seen from how it speaks (PROTOCOLS § 2.5 O1, O2, O14): the encoding of its
 * last frame, ids as numbers once it wrote one so, and text in base64 where it writes MIME types and the operator lets it.
 */
import { isUtf8 } from "node:buffer";
import { kindOfType } from "../domain/messages/messages.ts";
import { Refusal } from "./errors.ts";
import type { MiniOicqOptions } from "./options.ts";
import type { Request } from "./requests/actions.ts";
import type { Encoding } from "./requests/codec.ts";

export interface Dialect {
  readonly encoding: Encoding;
  /** Ids as integers; otherwise as strings, as the document has them. */
  readonly numericIds: boolean;
  /** Text goes out in base64, as this client's own text came in. */
  readonly textBase64: boolean;
  /** Large content of more bytes than this is left out; 0: all of it. */
  readonly contentBytesMax: number;
}

export class Speech {
  /** MessagePack before any frame came. */
  encoding: Encoding = "msgpack";
  #numericIds: boolean;
  readonly #watchesTypes: boolean;
  #mimeTypes: boolean;
  readonly #frameContentBytesMax: number;
  /** Large content is to come as an address alone. */
  filesByUrl = false;

  constructor({ integerIds, textBase64 }: MiniOicqOptions, frameContentBytesMax: number) {
    this.#frameContentBytesMax = frameContentBytesMax;
    // The client that needs `always` is the one with MIME types, and it may be told something before it says anything.
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
    };
  }

  /** The requests as the domain is to see them: text in plain. */
  understand(requests: readonly (Request | Refusal)[]): readonly (Request | Refusal)[] {
    return this.#watchesTypes ? requests.map((request) => this.#understandOne(request)) : requests;
  }

  #understandOne(request: Request | Refusal): Request | Refusal {
    if (request instanceof Refusal || request.action !== "message.send") return request;
    this.#mimeTypes = request.type.includes("/");
    if (!this.#mimeTypes || kindOfType(request.type) !== "text") return request;
    const plain = plainText(request.content);
    return plain === undefined ? request : { ...request, content: plain };
  }
}

/** Undefined where `content` is anything but the one base64 form of some UTF-8 text; bytes stand for theirs. */
function plainText(content: string | Uint8Array): string | undefined {
  if (typeof content !== "string") {
    return isUtf8(content) ? Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString() : undefined;
  }
  const bytes = Buffer.from(content, "base64");
  if (bytes.toString("base64") !== content || !isUtf8(bytes)) return undefined;
  const plain = bytes.toString("utf8");
  return base64Text(plain) === content ? plain : undefined;
}

export const base64Text = (text: string): string => Buffer.from(text, "utf8").toString("base64");
