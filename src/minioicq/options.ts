import { chatMembersMax } from "../domain/bounds.ts";

/** What the operator may choose about this door; its bounds are in `limits.ts`. */
export interface MiniOicqOptions {
  /** `auto`: ids are strings, numbers to a client that writes them as numbers; `always`: numbers for all clients (O2). */
  readonly integerIds: "auto" | "always";
  /** `auto`: text is carried in base64 for clients that write MIME types, as the newest original client does (O14). */
  readonly textBase64: "off" | "auto";
  /** permessage-deflate, with one compressor for all connections. */
  readonly compression: "off" | "on";
  readonly about: About;
}

/** What clients are told of the server, and no part of this door decides. */
export interface About {
  readonly name: string;
  readonly registration: "open" | "invite" | "off";
  readonly messageBytesMax: number;
  readonly fileBytesMax: number;
  readonly chatMembersMax: number;
  readonly passwordCharactersMin: number;
}

export const defaultMiniOicqOptions: MiniOicqOptions = {
  integerIds: "auto",
  textBase64: "off",
  compression: "off",
  about: {
    name: "Roost",
    registration: "open",
    messageBytesMax: 2 ** 20,
    fileBytesMax: 2 ** 24,
    chatMembersMax,
    passwordCharactersMin: 8,
  },
};
