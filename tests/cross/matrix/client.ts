/** What the matrix asks of an outside client, whatever its door, and how it writes down what that client saw. */
import { withDeadline } from "../../support/deadline.ts";

export const doors = ["mosquitto", "mqtt.js", "websockets", "curl", "erlang"] as const;
export type Door = (typeof doors)[number];

export interface User {
  readonly userId: string;
  /** The string id: `userID`, or `user.<userId>`. */
  readonly userID: string;
  /** For REST, and for a second client of the same user. */
  readonly token: string;
  /** Of a user who logged in by phone. */
  readonly phone: string | undefined;
}

/** A chat, as the one who uses it names it. */
export interface Place {
  /** The other user, where it is a direct chat. */
  readonly peer: User | undefined;
  /** Its number. */
  readonly chat: string;
  /** Its string id. */
  readonly name: string;
}

export interface Said {
  readonly type: "text" | "image/png" | "application/octet-stream";
  readonly content: Buffer;
  readonly replyTo?: string;
}

export interface Sent {
  readonly id: string;
  /** Terms have no word for it. */
  readonly seq: number | undefined;
}

/** One thing that a client heard. */
export interface Heard {
  readonly what: "message" | "edited" | "deleted" | "reacted" | "receipt" | "typing" | "entered" | "left";
  /** The number of the chat. */
  readonly chat: string;
  /** The topic, action, event or tuple that said so. */
  readonly as: string;
  readonly id?: string;
  readonly seq?: number | undefined;
  readonly type?: string;
  /** Absent where the content stands in its file alone. */
  readonly content?: Buffer | undefined;
  readonly file?: string | undefined;
  readonly replyTo?: string | undefined;
  readonly clientId?: string | undefined;
  readonly reaction?: string;
  /** Whom it is about. */
  readonly user?: string;
  readonly users?: readonly string[];
  readonly delivered?: number | undefined;
  readonly read?: number | undefined;
  /** Terms name the last message that was read. */
  readonly readId?: string;
  readonly typing?: boolean;
}

/** What a client finds when it asks what changed while it was away. */
export interface Found {
  readonly as: string;
  readonly id: string;
  readonly deleted: boolean;
  readonly content: Buffer | undefined;
  readonly reactions: readonly string[];
}

export interface Position {
  readonly as: string;
  readonly user: string;
  readonly delivered: number;
  readonly read: number;
}

/** A program of others, with its line to the server, which may be cut. */
export interface Client extends AsyncDisposable {
  readonly door: Door;
  readonly user: User;
  readonly ear: Ear;
  /** Connects, and hears. */
  start(): Promise<void>;
  /** Says goodbye. */
  stop(): Promise<void>;
  /** From here on nothing passes, and neither side knows. */
  cut(): void;
  /** The client notices, and comes again. */
  resume(): Promise<void>;
  send(place: Place, said: Said): Promise<Sent>;
  /** Sends what must be refused, and gives the words of the refusal. */
  refused(place: Place): Promise<string>;
  edit(place: Place, id: string, content: string): Promise<void>;
  remove(place: Place, id: string): Promise<void>;
  /** Absent where the door has no word for it. */
  react?(place: Place, id: string, reaction: string): Promise<void>;
  read(place: Place, message: { readonly id: string; readonly seq: number }): Promise<void>;
  typing(place: Place, on: boolean): Promise<void>;
  /** What is so now of what changed after `revision`. */
  changes(place: Place, revision: number): Promise<Found[]>;
  /** How far the members are, where the door can be asked. */
  positions?(place: Place, message: { readonly id: string }): Promise<Position[]>;
  /** Absent where a backend alone makes groups. */
  readonly groups?: {
    make(members: readonly User[]): Promise<Place>;
    add(place: Place, user: User): Promise<void>;
    leave(place: Place): Promise<void>;
    /** Who is there now. */
    members(place: Place): Promise<readonly string[]>;
  };
  block?(peer: User): Promise<void>;
  unblock?(peer: User): Promise<void>;
}

/** A wait ends early where it succeeds; the machine may be busy with other things. */
const longMs = 30_000;

/** What one client heard, in order. */
export class Ear {
  readonly items: Heard[] = [];
  readonly #waiting = new Set<() => void>();

  push(...items: readonly Heard[]): void {
    this.items.push(...items);
    for (const wake of [...this.#waiting]) wake();
  }

  /** The first one from `from` on that fits, come or still to come. */
  async hears(what: string, fits: (one: Heard) => boolean, from = 0): Promise<Heard> {
    const find = () => this.items.find((one, at) => at >= from && fits(one));
    let stop = (): void => {};
    const coming = new Promise<Heard>((resolve) => {
      const look = (): void => {
        const found = find();
        if (found !== undefined) resolve(found);
      };
      this.#waiting.add(look);
      stop = () => this.#waiting.delete(look);
      look();
    });
    try {
      return await withDeadline(what, coming, longMs);
    } catch (error) {
      const heard = this.items.slice(from).map(shown);
      throw new Error(`${(error as Error).message}\n  heard: ${heard.join("\n         ")}`);
    } finally {
      stop();
    }
  }
}

export const shown = ({ as, what, content, chat, ...rest }: Heard): string => {
  const said = content === undefined ? [] : [`${content.length} bytes`];
  const others = Object.entries(rest).flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${value}`]));
  return [as, what, `chat ${chat}`, ...others, ...said].join(" ");
};

let count = 0;
/** A client's own id for a message. */
export const newClientId = (door: Door): string => {
  count += 1;
  return `${door}-${count}`;
};
