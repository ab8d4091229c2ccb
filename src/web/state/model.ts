/**
 * What the views know: signals to show, and things to do. The views know nothing of sockets, frames, databases and
 * tabs. A promise of `Done` never rejects: what went wrong is its reason.
 */
import type { ReadonlySignal } from "@preact/signals";

/** Of a user, a chat or a message: a string of digits. */
export type Id = string;

export interface Presence {
  readonly online: boolean;
  readonly lastSeen?: Date;
}

export interface Person {
  readonly userId: Id;
  readonly name: string;
  /** An address for `<img>`; "" where there is none. */
  readonly avatar: string;
  readonly kind: "person" | "hook" | "device";
  /** `request`: I asked them. `authorization`: they asked me. */
  readonly contact: "none" | "request" | "authorization" | "friend" | "banned" | "ignore";
  readonly presence?: Presence;
}

export interface FileShown {
  /** For `<img>`, `<video>` and downloads. */
  readonly url: string;
  readonly bytes: number;
  /** A MIME type that is safe to show inline where it begins with `image/`, `video/` or `audio/`. */
  readonly type: string;
  readonly name?: string;
  readonly width?: number;
  readonly height?: number;
}

/** How far a message of one's own has got. */
export type Delivery = "waiting" | "sending" | "stored" | "delivered" | "read" | "refused";

export interface Reaction {
  readonly reaction: string;
  readonly count: number;
  readonly own: boolean;
  /** At most 20 of them. */
  readonly userIds: readonly Id[];
}

export interface Message {
  /** Stays from waiting to stored: the client's own id for what was sent here, else the message's id. */
  readonly key: string;
  readonly chatId: Id;
  /** Absent while it waits to be sent. */
  readonly messageId?: Id;
  readonly seq?: number;
  readonly senderId: Id;
  readonly own: boolean;
  readonly time: Date;
  readonly type: string;
  readonly text?: string;
  readonly file?: FileShown;
  readonly replyTo?: Id;
  readonly mentions: readonly Id[];
  readonly edited?: Date;
  readonly deleted: boolean;
  readonly reactions: readonly Reaction[];
  /** Of one's own alone. */
  readonly delivery?: Delivery;
  /** The server's words, or `Too large` of an upload: a key of the words table where it has one. */
  readonly refusal?: string;
  /** 0 to 1, of an upload under way. */
  readonly progress?: number;
}

export interface Chat {
  readonly chatId: Id;
  readonly kind: "direct" | "group";
  readonly name: string;
  readonly avatar: string;
  readonly ownerId?: Id;
  /** The other user of a direct chat, once it is known. */
  readonly peerId?: Id;
  readonly unread: number;
  /** An unread message names me. */
  readonly mentioned: boolean;
  readonly readSeq: number;
  readonly lastSeq: number;
  /** In the future, or absent. */
  readonly mutedUntil?: Date;
  readonly last?: Message;
  readonly typing: readonly Id[];
  /** Of a group whose members are known: at most 300 of them. */
  readonly memberIds?: readonly Id[];
}

/** The open chat: a window of at most about 200 of its messages. */
export interface Timeline {
  readonly chatId: Id;
  /** In the order to show: by `seq`, then what waits to be sent. */
  readonly messages: ReadonlySignal<readonly Message[]>;
  readonly atOldest: ReadonlySignal<boolean>;
  readonly atNewest: ReadonlySignal<boolean>;
  readonly loading: ReadonlySignal<"older" | "newer" | "jump" | undefined>;
  /** Where the line "new" stands; fixed when the chat was opened. */
  readonly firstUnreadSeq: ReadonlySignal<number | undefined>;
  older(): Promise<void>;
  newer(): Promise<void>;
  toNewest(): Promise<void>;
  toSeq(seq: number): Promise<void>;
  toDate(date: Date): Promise<void>;
  /** What the eye saw. */
  readUpTo(seq: number): void;
}

export type Line = "connecting" | "online" | "offline";

export interface Session {
  readonly id: string;
  readonly name?: string;
  readonly door?: string;
  readonly kind: string;
  readonly address?: string;
  readonly created?: Date;
  readonly lastSeen?: Date;
  readonly online: boolean;
  readonly own: boolean;
}

/** `reason`: the server's words, or `No line`. */
export type Done = { readonly ok: true } | { readonly ok: false; readonly reason: string };
export type Refused = { readonly reason: string };

export interface Server {
  readonly name: string;
  readonly version: string;
  readonly registration: "open" | "invite" | "off";
  readonly invites: "operator" | "users";
  readonly passwordLengthMin: number;
  readonly fileBytesMax: number;
  readonly messageBytesMax: number;
  /** The page came by HTTPS, or from this machine: it can be installed and starts without a line. */
  readonly secure: boolean;
}

export interface Draft {
  readonly text?: string;
  readonly file?: File;
  /** The picture is sent as it is, not made smaller. */
  readonly original?: boolean;
  readonly replyTo?: Id;
  readonly mentions?: readonly Id[];
}

export interface Model {
  readonly stage: ReadonlySignal<"starting" | "out" | "in">;
  /** Why one was logged out: `Session ended`, `User disabled`, `Invalid token`. */
  readonly why: ReadonlySignal<string | undefined>;
  readonly line: ReadonlySignal<Line>;
  readonly retryAt: ReadonlySignal<Date | undefined>;
  readonly server: ReadonlySignal<Server | undefined>;
  readonly me: ReadonlySignal<(Person & { readonly loginName?: string }) | undefined>;
  /** The chat with the newest message first. */
  readonly chats: ReadonlySignal<readonly Chat[]>;
  readonly people: ReadonlySignal<ReadonlyMap<Id, Person>>;
  readonly contacts: ReadonlySignal<readonly Person[]>;
  readonly open: ReadonlySignal<Timeline | undefined>;
  readonly unreadTotal: ReadonlySignal<number>;
  /** Messages that wait or were refused. */
  readonly unsent: ReadonlySignal<number>;
  /** The browser's storage is full, or there is none: what waits is lost with the page. */
  readonly storageFull: ReadonlySignal<boolean>;
  readonly notices: ReadonlySignal<"off" | "on" | "denied" | "unavailable">;
  /** Who sees when I am online, and what others know of what I read; undefined until the server said so. */
  readonly presence: ReadonlySignal<"friends" | "none" | undefined>;
  readonly receipts: ReadonlySignal<"all" | "delivered" | "none" | undefined>;

  register(fields: { name: string; password: string; loginName?: string; invite?: string }): Promise<Done>;
  /** `name`: a number, a username, a log-in name or a phone. */
  logIn(fields: { name: string; password: string }): Promise<Done>;
  logInByLink(link: string): Promise<Done>;
  /** Forgets everything here, what is unsent too. */
  logOut(): Promise<void>;

  /** A chat, or a user's id for the direct chat that the first message makes. */
  openChat(chatId: Id | undefined): void;
  openDirect(userId: Id): void;
  /** Resolves once the message is kept; the bubble stands from then on. */
  send(chatId: Id, draft: Draft): Promise<void>;
  sendAgain(key: string): void;
  /** Ends an upload, or forgets what was refused or waits. */
  drop(key: string): void;
  edit(messageId: Id, text: string): Promise<Done>;
  remove(messageId: Id): Promise<Done>;
  react(messageId: Id, reaction: string, on: boolean): Promise<Done>;
  /** My user types; told at most every few seconds. */
  typing(chatId: Id): void;

  createGroup(name: string, members: readonly Id[]): Promise<Done & { readonly chatId?: Id }>;
  rename(chatId: Id, name: string): Promise<Done>;
  setChatPicture(chatId: Id, picture: Blob | undefined): Promise<Done>;
  addMembers(chatId: Id, members: readonly Id[]): Promise<Done>;
  removeMember(chatId: Id, userId: Id): Promise<Done>;
  leave(chatId: Id): Promise<Done>;
  mute(chatId: Id, until: Date | undefined): Promise<Done>;
  members(chatId: Id): Promise<readonly Person[]>;

  findPeople(query: string): Promise<readonly Person[]>;
  ask(userId: Id): Promise<Done>;
  confirm(userId: Id): Promise<Done>;
  revoke(userId: Id): Promise<Done>;
  block(userId: Id, on: boolean): Promise<Done>;

  /** The newest first. `next` is the `next` of the page before. */
  search(
    query: string,
    options: { chatId?: Id; next?: string },
  ): Promise<{ readonly messages: readonly Message[]; readonly next?: string } | Refused>;

  setNick(name: string): Promise<Done>;
  setPicture(picture: Blob | undefined): Promise<Done>;
  setLoginName(password: string, name: string | undefined): Promise<Done>;
  setPassword(fields: { old: string; next: string; endOthers: boolean }): Promise<Done>;
  forgotPassword(name: string): Promise<Done>;
  resetPassword(fields: { name: string; code: string; password: string }): Promise<Done>;
  setPresence(value: "friends" | "none"): Promise<Done>;
  setReceipts(value: "all" | "delivered" | "none"): Promise<Done>;
  sessions(): Promise<readonly Session[]>;
  endSession(id: string): Promise<Done>;
  linkDevice(): Promise<{ readonly link: string; readonly expires: Date } | Refused>;
  createInvite(): Promise<{ readonly invite: string; readonly expires: Date } | Refused>;
  /** Saves a JSON file; `progress` is told how many pages came. */
  exportAccount(password: string, progress: (pages: number) => void): Promise<Done>;
  deleteAccount(password: string): Promise<Done>;

  /** Call it from a click. */
  askForNotices(): Promise<void>;
  noticesOff(): void;
}
