/** The clients of a history, and how they read what any door tells them. */
import type { Act, Chat } from "./model.ts";

export type Door = "mqtt" | "minioicq" | "rest" | "terms";

export interface Person {
  readonly userID: string;
  readonly userId: string;
  readonly token: string;
}

/** How a history names its people and chats. */
export interface Names {
  readonly people: readonly Person[];
  readonly groupID: string;
  /** By the names of the model. */
  readonly chatIds: ReadonlyMap<string, string>;
}

export type Outcome = { readonly is: "done"; readonly id: string } | { readonly is: "refused" };
export const done = (id = ""): Outcome => ({ is: "done", id });
export const refused: Outcome = { is: "refused" };

/** Something that a connected client was told. */
export interface Told {
  readonly is: "message" | "change";
  readonly chatId: string;
  readonly id: string;
  /** As `Message.shown`; undefined where a change says less than that. */
  readonly shown: string | undefined;
  readonly content: string | undefined;
}

export interface Changes {
  readonly changes: readonly Told[];
  readonly revision: number;
  readonly more: boolean;
  readonly reset: boolean;
}

export type Fields = Readonly<Record<string, unknown>>;

export const otherOf = (who: number): number => 1 - who;

export class Words {
  readonly names: Names;

  constructor(names: Names) {
    this.names = names;
  }

  person(who: number): Person {
    const person = this.names.people[who];
    if (person === undefined) throw new Error(`no user ${who}`);
    return person;
  }

  /** As one of its members says it, at MQTT and REST. */
  chatID = ({ name }: Chat, who: number): string =>
    name === "group" ? this.names.groupID : `user.${this.person(otherOf(who)).userId}`;

  chatId = ({ name }: Chat): string => this.names.chatIds.get(name) ?? "";

  shown(fields: Fields): string {
    const given = (fields["reactions"] ?? []) as { reaction: string; user_ids: unknown[] }[];
    const users = (ids: readonly unknown[]): string =>
      ids.map((id) => this.names.people.findIndex(({ userId }) => userId === String(id))).join("");
    return [String(fields["content"]), ...given.map(({ reaction, user_ids: ids }) => `${reaction}${users(ids)}`)].join(
      " ",
    );
  }

  /** A message in JSON of any of our own shapes. */
  told(is: Told["is"], fields: Fields): Told {
    const content = fields["content"] === undefined ? undefined : String(fields["content"]);
    const isDeleted = fields["type"] === "deleted" || fields["change"] === "deleted";
    const shown = isDeleted ? "deleted" : content === undefined ? undefined : this.shown(fields);
    return { is, chatId: String(fields["chat_id"]), id: String(fields["message_id"]), shown, content };
  }

  /** One of the changes that a door tells, asked or not. */
  change(fields: Fields): Told {
    if (fields["message"] !== undefined) return this.told("change", fields["message"] as Fields);
    return this.told("change", fields);
  }

  changes(fields: Fields): Changes {
    return {
      changes: (fields["changes"] as Fields[]).map((one) => this.change(one)),
      revision: Number(fields["revision"]),
      more: fields["more"] === true,
      reset: fields["reset"] === true,
    };
  }
}

/** What a place holds while its client is connected. */
export interface Client {
  readonly door: Door;
  readonly isOpen: boolean;
  /** All messages that came on this connection. */
  readonly got: Set<string>;
  /** What came and was not looked at yet. */
  readonly told: Told[];
  act(act: Act, clientId: string): Promise<Outcome>;
  changesAfter(chat: Chat, after: number): Promise<Changes | undefined>;
  confirm(ids: readonly string[]): void;
  /** Resolves when the server has read what was said, and what it sent before has come. */
  fence(): Promise<void>;
  drop(): Promise<void>;
}

/** Changes in a page that a client asks for, so that most have several pages. */
export const pageMax = 2;
