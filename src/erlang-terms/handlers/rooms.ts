/**
 * `Room` and `Member`: groups are made, shown, joined and left. The client is answered with the record; what changed is told
 * to all members' devices that hear of chats, whichever door it came through.
 */
import type { Domain } from "../../domain/domain.ts";
import { DomainError } from "../../domain/errors.ts";
import type { EventOf } from "../../domain/events.ts";
import type { Chat, ChatRef, Mute, UserId } from "../../domain/model.ts";
import type { WireTerm } from "../../etf/encode.ts";
import { type ActingParts, actorOf, findPerson } from "../acting.ts";
import type { Tell } from "../phone-devices.ts";
import { error } from "../records/answers.ts";
import { memberRecord, roomRecord } from "../records/room-answer.ts";
import { type RoomRecord, readMember, readRoom } from "../records/room-record.ts";
import type { TermRequest } from "../request.ts";

export interface RoomParts extends ActingParts {
  readonly domain: Pick<Domain, "store" | "chats">;
  readonly tell: Pick<Tell, "hearing">;
}

/** In one record. */
const membersMax = 1000;
/** That came or went, in what others are told. */
const namedMax = 100;

export async function handleRoom(parts: RoomParts, request: TermRequest): Promise<WireTerm | undefined> {
  const record = readRoom(request.fields);
  if (record === undefined) return error("invalid_data");
  const userId = actorOf(request);
  if (userId === undefined) return error("not_authorized");
  const { chat, status } = await act(parts, record, userId);
  const isMember = status !== "leave";
  const view = isMember ? await parts.domain.store.findChatView({ id: chat.chatId }, userId) : undefined;
  return roomRecord({ chat: view?.chat ?? chat, members: view?.members.slice(0, membersMax) ?? [], status });
}

/** `get` gives the one member, or all of them where none is named. */
export async function handleMember(parts: RoomParts, request: TermRequest): Promise<WireTerm | undefined> {
  const record = readMember(request.fields);
  if (record === undefined) return error("invalid_data");
  const userId = actorOf(request);
  if (userId === undefined) return error("not_authorized");
  const { chat, status } = await act(parts, record, userId);
  const { store } = parts.domain;
  const [ref] = record.members;
  const asked = ref === undefined ? parts.findUserNow(userId) : await findPerson(parts, ref);
  if (record.request !== "get") return asked === undefined ? error("not_found") : memberRecord(chat, asked, status);
  const members = (await store.findChatView({ id: chat.chatId }, userId))?.members ?? [];
  if (ref === undefined) return members.slice(0, membersMax).map((one) => memberRecord(chat, one, ""));
  const found = members.find((one) => one.userId === asked?.userId);
  return found === undefined ? error("not_found") : memberRecord(chat, found, "");
}

async function act(parts: RoomParts, record: RoomRecord, userId: UserId): Promise<{ chat: Chat; status: string }> {
  const { request, room, name } = record;
  const { chats } = parts.domain;
  if (room === undefined) {
    const { chat } = await chats.create(userId, { members: await idsOf(parts, record), name });
    return { chat, status: request };
  }
  const chat = await groupOf(parts, room, userId);
  const of = { chat: { id: chat.chatId } };
  switch (request) {
    case "add":
      await chats.addPeople(userId, { ...of, members: await idsOf(parts, record) });
      break;
    case "remove":
      await chats.removePeople(userId, { ...of, members: await idsOf(parts, record) });
      break;
    case "leave":
      await chats.leave(userId, of.chat);
      break;
    case "patch":
      await requireNoNewAdmin(parts, record, chat);
      await chats.rename(userId, { ...of, name: name ?? "" });
      break;
    case "mute":
    case "unmute":
      await chats.mute(userId, { ...of, untilMs: request === "mute" ? (record.untilMs ?? forGood) : undefined });
  }
  return { chat, status: request };
}

/** As long as a chat can be muted. */
export const forGood = Number.MAX_SAFE_INTEGER;

/** Throws `chat_not_found`, also where the user is not in it, and `chat_is_direct`. */
async function groupOf({ domain }: RoomParts, room: ChatRef, userId: UserId): Promise<Chat> {
  const chat = await domain.chats.getAsMember(room, userId);
  if (chat.kind === "direct") throw new DomainError("chat_is_direct");
  return chat;
}

/** A group has one admin, its owner. Throws `not_authorized` where the record names another, whether there is such a user or not. */
async function requireNoNewAdmin(parts: RoomParts, { admins }: RoomRecord, { ownerId }: Chat): Promise<void> {
  const users = await Promise.all(admins.map((ref) => findPerson(parts, ref)));
  if (users.some((user) => user?.userId !== ownerId))
    throw new DomainError("not_authorized", "the owner alone is admin");
}

/** Throws `user_not_found`. */
async function idsOf(parts: RoomParts, { members, admins }: RoomRecord): Promise<UserId[]> {
  const users = await Promise.all([...members, ...admins].map((ref) => findPerson(parts, ref)));
  return users.map((user) => {
    if (user === undefined) throw new DomainError("user_not_found");
    return user.userId;
  });
}

type Told = EventOf<"chat.entered"> | EventOf<"chat.left"> | EventOf<"chat.renamed"> | EventOf<"chat.muted">;

/** On `ses/{phone}` of each who is to know, where their devices hear of chats. Direct chats are told as friends are. */
export function tellRooms(parts: RoomParts, event: Told): Promise<void> | undefined {
  const phones = new Set(event.to.flatMap((userId) => parts.findUserNow(userId)?.phone ?? []));
  if (phones.size === 0) return undefined;
  if (event.type === "chat.muted") return tellMuted(parts, event.mute, phones);
  const { chat, users, status } = changeOf(event);
  if (chat.kind === "direct") return undefined;
  const newOwner = event.type === "chat.left" ? event.left.newOwner : undefined;
  const shown = newOwner === undefined ? users.slice(0, namedMax) : [...users.slice(0, namedMax - 1), newOwner];
  const named = shown.flatMap(({ userId }) => parts.findUserNow(userId) ?? []);
  return parts.tell.hearing(phones, roomRecord({ chat, members: named, status }));
}

function changeOf(event: Exclude<Told, { type: "chat.muted" }>) {
  switch (event.type) {
    case "chat.entered": {
      const { chat, users } = event.entered;
      // The owner enters a group that is made.
      return { chat, users, status: users.some(({ userId }) => userId === chat.ownerId) ? "create" : "add" };
    }
    case "chat.left":
      return { chat: event.left.chat, users: event.left.users, status: event.left.deleted ? "delete" : "leave" };
    case "chat.renamed":
      return { chat: event.chat, users: [], status: "patch" };
  }
}

async function tellMuted(parts: RoomParts, mute: Mute, phones: ReadonlySet<string>): Promise<void> {
  const chat = await parts.domain.store.findChat({ id: mute.chatId });
  if (chat === undefined || chat.kind === "direct") return;
  const status = mute.mutedUntilMs === undefined ? "unmute" : "mute";
  await parts.tell.hearing(phones, roomRecord({ chat, members: [], status }));
}
