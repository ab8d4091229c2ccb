/** Erlang terms, written as Erlang reads them and read as terms_client.escript prints them. */
import type { Heard } from "./client.ts";

export type Term =
  | number
  | readonly Term[]
  | { readonly a: string }
  | { readonly b: string }
  | { readonly t: readonly Term[] };

/** A tuple in Erlang's own writing; its fields are written already, and `[]` is what is not set. */
export const record = (name: string, ...fields: readonly string[]): string => `{${[`'${name}'`, ...fields].join(",")}}`;
export const unset = "[]";
export const bytes = (content: string | Buffer): string => `<<${[...Buffer.from(content)].join(",")}>>`;
export const list = (items: readonly string[]): string => `[${items.join(",")}]`;

export const tupleOf = (term: Term | undefined): readonly Term[] | undefined =>
  typeof term === "object" && "t" in term ? term.t : undefined;

export const nameOf = (term: Term | undefined): string | undefined =>
  typeof term === "object" && "a" in term ? term.a : undefined;

export const bytesOf = (term: Term | undefined): Buffer | undefined =>
  typeof term === "object" && "b" in term ? Buffer.from(term.b, "base64") : undefined;

export const textOf = (term: Term | undefined): string | undefined => bytesOf(term)?.toString();

export const listOf = (term: Term | undefined): readonly Term[] => (Array.isArray(term) ? term : []);

/** A term in short, for a person who reads it. */
export function shownTerm(term: Term): string {
  if (typeof term === "number") return String(term);
  if (Array.isArray(term)) return `[${term.map(shownTerm).join(",")}]`;
  const tuple = tupleOf(term);
  if (tuple !== undefined) return `{${tuple.map(shownTerm).join(",")}}`;
  return nameOf(term) ?? `<<${(textOf(term) ?? "").slice(0, 40)}>>`;
}

/** The user within a PhoneId. */
export const userIn = (term: Term | undefined): string => (textOf(term) ?? "").replace(/^.*_/, "");

/** The number of a chat, by its string id `direct.<low>.<high>` or by its number. */
export type ChatNamed = (name: string) => string;

/** `{p2p,From,To}`, or `{muc,Room}`. */
export function chatOf(feed: Term | undefined, chatNamed: ChatNamed): string {
  const [kind, first, second] = tupleOf(feed) ?? [];
  if (nameOf(kind) !== "p2p") return textOf(first) ?? "";
  const [low, high] = [Number(userIn(first)), Number(userIn(second))].toSorted((a, b) => a - b);
  return chatNamed(`direct.${low}.${high}`);
}

/** `{'Message',…}` of 17 elements. */
export function messageHeard(term: readonly Term[], topic: string, chatNamed: ChatNamed): Heard {
  const status = nameOf(term[16]);
  const [, id, mime, payload] = tupleOf(listOf(term[10])[0]) ?? [];
  const link = term[12];
  return {
    what: status === "edit" ? "edited" : status === "delete" ? "deleted" : "message",
    as: `${topic} 'Message'${status === undefined ? "" : ` ${status}`}`,
    chat: chatOf(term[3], chatNamed),
    id: String(term[1]),
    type: textOf(mime) ?? "",
    content: bytesOf(payload),
    file: textOf(id),
    replyTo: typeof link === "number" ? String(link) : undefined,
    clientId: textOf(term[6]),
    user: userIn(term[7]),
  };
}

/** Whom a `Room` of `ses/…` is about. */
export const membersOf = (room: readonly Term[]): string[] =>
  [room[6], room[7]].flatMap((members) => listOf(members).map((member) => userIn(tupleOf(member)?.[7])));

/** Everything but answers. `topic` has the QoS behind it, for a person who reads it. */
export function termHeard(topic: string, tuple: readonly Term[], chatNamed: ChatNamed): Heard[] {
  const name = nameOf(tuple[0]);
  switch (name) {
    case "Message":
      return [messageHeard(tuple, topic, chatNamed)];
    case "Typing":
      return [
        {
          what: "typing",
          as: `${topic} 'Typing'`,
          chat: chatOfTopic(topic, chatNamed),
          user: userIn(tuple[1]),
          typing: bytesOf(tuple[2]) !== undefined,
        },
      ];
    case "Contact":
      if (nameOf(tuple[14]) !== "last_msg") return [];
      return [
        {
          what: "receipt",
          as: `${topic} 'Contact' last_msg`,
          chat: chatOfTopic(topic, chatNamed),
          user: userIn(tuple[1]),
          readId: String(tuple[8]),
        },
      ];
    case "Room": {
      const status = nameOf(tuple[18]);
      const heard = { as: `${topic} 'Room' ${status}`, chat: textOf(tuple[1]) ?? "", users: membersOf(tuple) };
      if (status === "create" || status === "add") return [{ what: "entered", ...heard }];
      return status === "leave" ? [{ what: "left", ...heard }] : [];
    }
    default:
      return [];
  }
}

/** `p2p/{a}/{b}` or `room/{room}`, with `@` and the QoS behind it. */
function chatOfTopic(topic: string, chatNamed: ChatNamed): string {
  const [kind, ...ids] = topic.replace(/@\d$/, "").split("/");
  if (kind === "room") return ids[0] ?? "";
  const [low, high] = ids.map((id) => Number(id.replace(/^.*_/, ""))).toSorted((a, b) => a - b);
  return chatNamed(`direct.${low}.${high}`);
}
