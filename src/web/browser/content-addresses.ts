/** Addresses, for `<img>` and downloads, of content that came within its message or waits to be sent. */

const unknownType = "application/octet-stream";
/** The oldest addresses are given up. */
const addressesMax = 300;

/** What a browser may show, by the first bytes (of the place given, else the first); everything else is a download. */
const beginnings: readonly (readonly [string, string, number?])[] = [
  ["\x89PNG\r\n", "image/png"],
  ["\xff\xd8\xff", "image/jpeg"],
  ["GIF87a", "image/gif"],
  ["GIF89a", "image/gif"],
  ["WEBP", "image/webp", 8],
  ["ftypavif", "image/avif", 4],
  ["ftyp", "video/mp4", 4],
  ["\x1aE\xdf\xa3", "video/webm"],
  ["OggS", "audio/ogg"],
  ["ID3", "audio/mpeg"],
  ["\xff\xfb", "audio/mpeg"],
];

export interface ContentAddress {
  readonly url: string;
  readonly bytes: number;
  readonly type: string;
}

export class ContentAddresses {
  readonly #known = new Map<string, ContentAddress>();

  /** Undefined where the text is no base64. `key`: of the message. */
  ofBase64(key: string, text: string): ContentAddress | undefined {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    let binary: string;
    try {
      binary = atob(text);
    } catch {
      return undefined;
    }
    const type = beginnings.find(([beginning, , at = 0]) => binary.startsWith(beginning, at))?.[1] ?? unknownType;
    return this.#keep(key, new Blob([Uint8Array.from(binary, (character) => character.charCodeAt(0))], { type }));
  }

  ofBlob(key: string, blob: Blob): ContentAddress {
    return this.#known.get(key) ?? this.#keep(key, blob);
  }

  #keep(key: string, blob: Blob): ContentAddress {
    const address = { url: URL.createObjectURL(blob), bytes: blob.size, type: blob.type };
    this.#known.set(key, address);
    for (const [oldest, { url }] of this.#known) {
      if (this.#known.size <= addressesMax) break;
      URL.revokeObjectURL(url);
      this.#known.delete(oldest);
    }
    return address;
  }
}

/** Gives the user a file. */
export function saveFile(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The download has begun by then.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
