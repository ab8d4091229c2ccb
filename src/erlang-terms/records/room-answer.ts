/** `Room` and `Member` as the server writes them. */
import type { Chat, User } from "../../domain/model.ts";
import type { WireTerm } from "../../etf/encode.ts";
import { atom, Tuple } from "../../etf/term.ts";
import { phoneIdField, textField } from "./contact-records.ts";
import { roomId } from "./feeds.ts";

const unset: WireTerm = [];
const record = (name: string, ...fields: readonly WireTerm[]): WireTerm => new Tuple([atom(name), ...fields]);

type Shown = Pick<User, "userId" | "phone" | "names" | "surnames" | "nick" | "avatarLink" | "updatedAtMs">;

export interface RoomView {
  readonly chat: Chat;
  readonly members: readonly Shown[];
  readonly status: string;
  readonly unread?: number | undefined;
}

/** Members without the owner, who is the only admin. A chat that is shown without members has neither. */
export function roomRecord({ chat, members, status, unread = 0 }: RoomView): WireTerm {
  const { chatId, name, ownerId, updatedAtMs, createdAtMs } = chat;
  const shown = (admin: boolean): WireTerm[] =>
    members.filter(({ userId }) => (userId === ownerId) === admin).map((user) => memberRecord(chat, user, ""));
  return record(
    "Room",
    roomId(chatId),
    textField(name),
    unset,
    unset,
    unset,
    shown(false),
    shown(true),
    unset,
    atom("group"),
    unset,
    unset,
    unread,
    unset,
    unset,
    unset,
    updatedAtMs,
    createdAtMs,
    atom(status),
  );
}

export function memberRecord(chat: Pick<Chat, "chatId" | "ownerId">, user: Shown, status: string): WireTerm {
  return record(
    "Member",
    user.userId,
    atom("chain"),
    new Tuple([atom("muc"), roomId(chat.chatId)]),
    unset,
    unset,
    unset,
    phoneIdField(user),
    textField(user.avatarLink),
    textField(user.names),
    textField(user.surnames),
    textField(user.nick),
    0,
    user.updatedAtMs,
    unset,
    unset,
    unset,
    atom(status === "" ? (user.userId === chat.ownerId ? "admin" : "member") : status),
  );
}
