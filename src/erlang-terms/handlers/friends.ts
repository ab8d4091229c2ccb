/**
 * What later generations ask of a `Friend` besides: to block a user or not to any more, and to mute the direct chat with them. Only
 * the acting user is told, at all their devices that hear of chats.
 */
import type { Domain } from "../../domain/domain.ts";
import { DomainError } from "../../domain/errors.ts";
import type { EventOf } from "../../domain/events.ts";
import { otherInDirect } from "../../domain/keys.ts";
import type { WireTerm } from "../../etf/encode.ts";
import { type ActingParts, actorOf, findPerson } from "../acting.ts";
import type { Tell } from "../phone-devices.ts";
import { error, ok } from "../records/answers.ts";
import { contact15 } from "../records/contact-records.ts";
import { type FriendExtra, ownRoster, readFriendExtra } from "../records/private-record.ts";
import type { TermRequest } from "../request.ts";
import { forGood } from "./rooms.ts";

export interface FriendParts extends ActingParts {
  readonly domain: Pick<Domain, "contacts" | "chats">;
  readonly tell: Pick<Tell, "hearing">;
}

const answers: Readonly<Record<FriendExtra, string>> = {
  ban: "banned",
  unban: "unbanned",
  ignore: "ignored",
  mute: "muted",
  unmute: "unmuted",
};

/** A user may be blocked who is no contact, and one who asked: that declines, and tells them nothing. */
export async function handleFriendExtra(parts: FriendParts, request: TermRequest): Promise<WireTerm | undefined> {
  const record = readFriendExtra(request.fields);
  if (record === undefined) return error("invalid_data");
  const userId = actorOf(request);
  if (userId === undefined) return error("not_authorized");
  const phone = parts.findUserNow(userId)?.phone ?? "";
  if (ownRoster(record.roster, { phone, userIds: [userId] }) === undefined) return error("roster_not_found");
  const friend = await findPerson(parts, record.friend);
  if (friend === undefined) throw new DomainError("user_not_found");
  const { contacts, chats } = parts.domain;
  const { action } = record;
  if (action === "ban" || action === "ignore") await contacts.block(userId, friend.userId);
  else if (action === "unban") await contacts.unblock(userId, friend.userId);
  else {
    const untilMs = action === "mute" ? forGood : undefined;
    await chats.mute(userId, { chat: { id: friend.userId }, untilMs });
  }
  return ok(answers[action]);
}

/** Blocked or muted, through whichever door. */
export async function tellOfFriend(
  { findUserNow, tell }: Omit<FriendParts, "domain">,
  event: EventOf<"contact.blocked"> | EventOf<"chat.muted">,
): Promise<void> {
  for (const userId of event.to) {
    const isMute = event.type === "chat.muted";
    const otherId = isMute ? otherInDirect(event.mute.chatKey, userId) : event.contactId;
    const [phone, user] = [findUserNow(userId)?.phone, otherId === undefined ? undefined : findUserNow(otherId)];
    if (phone === undefined || user === undefined) continue;
    const isOn = isMute ? event.mute.mutedUntilMs !== undefined : event.blocked;
    const status = isMute ? (isOn ? "muted" : "unmuted") : isOn ? "banned" : "unbanned";
    const updatedAtMs = isMute ? user.updatedAtMs : event.updatedAtMs;
    await tell.hearing([phone], contact15({ user, status, updatedAtMs }));
  }
}
