/** What the operator may choose about this door; its bounds are in `limits.ts`. */
export interface MiniOicqOptions {
  /** `auto`: ids are strings, numbers to a client that writes them as numbers; `always`: numbers for all clients (O2). */
  readonly integerIds: "auto" | "always";
  /** `auto`: text is carried in base64 for clients that write MIME types, as the newest original client does (O14). */
  readonly textBase64: "off" | "auto";
  /** Origins of web pages from other hosts that may connect; `*` is every origin. */
  readonly origins: readonly string[];
  /** permessage-deflate, with one compressor for all connections. */
  readonly compression: "off" | "on";
}

export const defaultMiniOicqOptions: MiniOicqOptions = {
  integerIds: "auto",
  textBase64: "off",
  origins: [],
  compression: "off",
};
