/**
 * A conversation as it should be: three people, a group and a direct chat, and what each of their places has got. It knows
 * nothing of the server, and gives what must be so after each act.
 */

/** Ann owns the group and stays in it; Ann and Ben have a direct chat. */
export const people = ["ann", "ben", "carl"] as const;
export const kinds = ["👍", "🎉", "❤️"] as const;

export type Act =
  | { readonly does: "send"; readonly by: number; readonly chat: Chat; readonly content: string }
  | { readonly does: "edit"; readonly by: number; readonly message: Message; readonly content: string }
  | { readonly does: "delete"; readonly by: number; readonly message: Message }
  | {
      readonly does: "react";
      readonly by: number;
      readonly message: Message;
      readonly kind: string;
      readonly added: boolean;
    }
  | { readonly does: "read"; readonly by: number; readonly message: Message }
  /** Of the other one of the direct chat. */
  | { readonly does: "block" | "unblock"; readonly by: number; readonly chat: Chat }
  | { readonly does: "leave" | "join"; readonly by: number; readonly chat: Chat };

export class Message {
  readonly chat: Chat;
  readonly id: string;
  readonly seq: number;
  readonly by: number;
  /** Every content that it had; the last one is what it has. */
  readonly contents: string[];
  isDeleted = false;
  /** By kind, in the order of each one's first; users in the order in which they reacted. */
  readonly reactions = new Map<string, number[]>();
  /** Who changed it last, while one of the two of its chat blocked the other: no one else is told. */
  heldBy: number | undefined;

  constructor(chat: Chat, id: string, by: number, content: string) {
    this.chat = chat;
    this.id = id;
    this.seq = chat.log.length + 1;
    this.by = by;
    this.contents = [content];
  }

  hasReacted(who: number, kind: string): boolean {
    return this.reactions.get(kind)?.includes(who) === true;
  }

  /** As a client shows it. */
  get shown(): string {
    if (this.isDeleted) return "deleted";
    const reactions = [...this.reactions].map(([kind, users]) => `${kind}${users.join("")}`);
    return [this.contents.at(-1), ...reactions].join(" ");
  }
}

export class Chat {
  readonly name: "group" | "direct";
  readonly log: Message[] = [];
  /** By user, how far the log went when they came; those who are not in it are left out. */
  readonly joined = new Map<number, number>();
  /** Who blocks the other one of a direct chat. */
  readonly blocks = new Set<number>();
  /** By user, the furthest place that they said they read, since they came. */
  readonly read = new Map<number, number>();

  constructor(name: Chat["name"], members: readonly number[]) {
    this.name = name;
    for (const one of members) this.joined.set(one, 0);
  }

  has(who: number): boolean {
    return this.joined.has(who);
  }

  /** Whom the other one does not block. */
  mayWrite(who: number): boolean {
    return this.has(who) && (this.name === "group" || !this.blocks.has(1 - who));
  }
}

/** Where messages wait for a user: for the user themselves, or for a device of theirs. */
export class Place {
  readonly user: number;
  /** What was confirmed there, though perhaps a kill came before it was written. */
  readonly confirmed: Set<Message>;
  /** What was confirmed and written: it does not come again. */
  readonly written: Set<Message>;
  /** What was confirmed and not known to be written when a kill came. */
  readonly lost: Set<Message>;

  constructor(user: number, begins: Pick<Place, "confirmed" | "written" | "lost"> | undefined) {
    this.user = user;
    this.confirmed = new Set(begins?.confirmed);
    this.written = new Set(begins?.written);
    this.lost = new Set(begins?.lost);
  }
}

export class Model {
  readonly group = new Chat("group", [0, 1, 2]);
  readonly direct = new Chat("direct", [0, 1]);
  readonly chats = [this.group, this.direct];
  /** By user. */
  readonly users = people.map((_, at) => new Place(at, undefined));
  readonly places: Place[] = [...this.users];

  userOf = (place: Place): Place => this.users[place.user] ?? place;

  /** A new device of a user begins where the user stands. */
  open(user: number): Place {
    const place = new Place(user, this.users[user]);
    this.places.push(place);
    return place;
  }

  /** What must be there when its client has come. */
  waitsFor(place: Place): Message[] {
    return this.chats.flatMap((chat) => {
      const joined = chat.joined.get(place.user);
      if (joined === undefined) return [];
      return chat.log.slice(joined).filter((one) => {
        return one.by !== place.user && !one.isDeleted && !place.confirmed.has(one);
      });
    });
  }

  isFor = (message: Message, who: number): boolean => message.seq > (message.chat.joined.get(who) ?? message.seq);

  /** Whether the server must do it. */
  mayBe(act: Act): boolean {
    switch (act.does) {
      case "send":
        return act.chat.mayWrite(act.by);
      case "edit":
        return act.message.chat.mayWrite(act.by) && act.message.by === act.by && !act.message.isDeleted;
      case "delete":
        return (
          act.message.chat.has(act.by) &&
          !act.message.isDeleted &&
          (act.message.by === act.by || (act.by === 0 && act.message.chat === this.group))
        );
      case "react":
        return act.message.chat.mayWrite(act.by) && !act.message.isDeleted;
      case "read":
        return act.message.chat.mayWrite(act.by);
      case "leave":
        return act.chat.has(act.by);
      case "join":
      case "block":
      case "unblock":
        return true;
    }
  }

  /** Done, at this place where it was said at one; the message where one was sent, by its id. */
  did(act: Act, at: Place | undefined, id: string): void {
    switch (act.does) {
      case "send":
        act.chat.log.push(new Message(act.chat, id, act.by, act.content));
        return;
      case "edit":
        act.message.contents.push(act.content);
        hold(act.message, act.by);
        return;
      case "delete":
        act.message.isDeleted = true;
        act.message.heldBy = undefined;
        return;
      case "react":
        react(act.message, act.by, act);
        hold(act.message, act.by);
        return;
      case "read":
        this.#read(act.message, act.by, at);
        return;
      case "leave":
        this.#leave(act.chat, act.by);
        return;
      case "join":
        if (!act.chat.has(act.by)) act.chat.joined.set(act.by, act.chat.log.length);
        return;
      case "block":
        act.chat.blocks.add(act.by);
        return;
      case "unblock":
        act.chat.blocks.delete(act.by);
        // What was held is told to the other one when they ask.
        if (act.chat.blocks.size === 0) for (const message of act.chat.log) message.heldBy = undefined;
    }
  }

  /** Ann adds no one who blocks her. */
  hasBlocked = (who: number): boolean => this.direct.blocks.has(who);

  /** Whose clients hear of it at once. */
  hearOf(act: Act): number[] {
    if (act.does !== "edit" && act.does !== "delete" && act.does !== "react") return [];
    const { chat } = act.message;
    const isHeld = chat.blocks.size > 0 && act.does !== "delete";
    return [...chat.joined.keys()].filter((who) => !isHeld || who === act.by);
  }

  #read({ chat, seq }: Message, who: number, at: Place | undefined): void {
    // Who may not write there, and says by a status of REST what they read, has got it and no more.
    if (chat.mayWrite(who)) chat.read.set(who, Math.max(seq, chat.read.get(who) ?? 0));
    for (const message of chat.log.slice(0, seq)) this.got(at ?? this.users[who], message, true);
  }

  #leave(chat: Chat, who: number): void {
    chat.joined.delete(who);
    chat.read.delete(who);
    for (const place of this.places) {
      if (place.user !== who) continue;
      for (const message of chat.log) {
        place.confirmed.delete(message);
        place.written.delete(message);
        place.lost.delete(message);
      }
    }
  }

  /** A client of the place has it, and so has the user. */
  got(place: Place | undefined, message: Message, isWritten: boolean): void {
    if (place === undefined || !message.chat.has(place.user)) return;
    for (const one of [place, this.userOf(place)]) {
      one.confirmed.add(message);
      one.lost.delete(message);
      if (isWritten) one.written.add(message);
    }
  }

  /** All that a user confirmed since the last kill is written. */
  wrote(who: number): void {
    for (const place of this.places) {
      if (place.user !== who) continue;
      for (const message of place.confirmed) if (!place.lost.has(message)) place.written.add(message);
    }
  }

  /** The server was killed: what was not written is perhaps lost. */
  killed(): void {
    for (const { confirmed, written, lost } of this.places) {
      for (const message of confirmed) if (!written.has(message)) lost.add(message);
    }
  }

  /** The furthest that the user may be said to have got everything. */
  deliveredMost(chat: Chat, who: number): number {
    const { confirmed } = this.users[who] ?? { confirmed: new Set() };
    const joined = chat.joined.get(who) ?? 0;
    const missing = chat.log.find((one) => one.seq > joined && one.by !== who && !one.isDeleted && !confirmed.has(one));
    return missing === undefined ? chat.log.length : missing.seq - 1;
  }
}

function react(message: Message, by: number, { kind, added }: { kind: string; added: boolean }): void {
  const users = (message.reactions.get(kind) ?? []).filter((one) => one !== by);
  if (added) users.push(by);
  if (users.length === 0) message.reactions.delete(kind);
  else message.reactions.set(kind, users);
}

function hold(message: Message, by: number): void {
  message.heldBy = message.chat.blocks.size > 0 ? by : undefined;
}

/** For people. */
export function describe(act: Act): string {
  switch (act.does) {
    case "send":
      return `sends "${act.content}"`;
    case "edit":
      return `edits "${act.message.contents.at(-1)}" to "${act.content}"`;
    case "delete":
      return `deletes "${act.message.contents.at(-1)}"`;
    case "react":
      return `${act.added ? "reacts" : "takes back"} ${act.kind} to "${act.message.contents.at(-1)}"`;
    case "read":
      return `reads up to "${act.message.contents.at(-1)}"`;
    case "block":
    case "unblock":
      return `${act.does}s the other one`;
    case "leave":
      return "leaves the group";
    case "join":
      return "comes to the group";
  }
}
