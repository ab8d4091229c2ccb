/**
 * What a committed change means, and to whom: the one place where events come from. It looks at the change's arguments and
 * its outcome alone, so that every executor of a change makes the same events of it, whichever caller asked for it.
 */
import type { ContactChange } from "../../domain/contacts/contact-store.ts";
import type { DomainEvent } from "../../domain/events.ts";
import type { ChatId, Entered, Left, Sent, UserId } from "../../domain/model.ts";
import type { ProfileRemoved } from "../../domain/profiles/profile-store.ts";
import type { ArgumentsOf, ChangeName, OutcomeOf } from "./changes.ts";
import type { EnteredParts, LeftParts } from "./chats/chat-parts.ts";
import { toEntered, toLeft, toMute } from "./chats/entered.ts";
import type { WireFriendResult } from "./contacts/contact-changes.ts";
import { toContactChanges } from "./contacts/contact-store.ts";
import type { MovedPosition } from "./deliveries/positions.ts";
import { toReacted } from "./messages/edits.ts";
import type { WireExchanged } from "./messages/exchange-changes.ts";
import { toDeleted } from "./messages/message-store.ts";
import type { TakenLoginName } from "./people/credential-parts.ts";
import type { MqttDeviceRow } from "./people/device-changes.ts";
import { toMqttDevice } from "./people/device-store.ts";
import type { WireLinked, WireUnlinked } from "./people/link-changes.ts";
import type { WireEnded } from "./people/log-in-changes.ts";
import { toUserRemoved } from "./people/log-in-store.ts";
import { friendsTold } from "./people/looks.ts";
import type { WireEndedTokens } from "./people/token-changes.ts";
import type { WireLook } from "./people/user-parts.ts";
import type { WireUserRemoved } from "./people/user-removal.ts";
import { toRemoved } from "./profiles/profile-store.ts";
import type { ValueOf } from "./submit.ts";

type Events = readonly DomainEvent[];
/** A change that is not named here concerns its caller alone. */
type EventTable = {
  readonly [Name in ChangeName]?: (outcome: ValueOf<Name>, args: ArgumentsOf<Name>) => Events;
};

const none: Events = [];

const table: EventTable = {
  appendMessage: (sent) => (sent.repeated ? none : sentEvents(sent)),
  appendMessages: (all) => all.flatMap((sent) => (sent.repeated ? none : sentEvents(sent))),
  exchange: exchangeEvents,
  confirmStatuses: exchangeEvents,
  advance: toldEvents,
  confirmMessages: toldEvents,
  readThrough: toldEvents,
  deleteMessage: (deleted, { messageId }) => [
    { type: "message.deleted", message: toDeleted(messageId, deleted), to: deleted.members as UserId[] },
  ],
  editMessage: ({ message, changed, told }) =>
    changed && message !== undefined ? [{ type: "message.edited", message, to: told }] : none,
  reactToMessage: (outcome, args) =>
    outcome.changed
      ? [{ type: "message.reacted", reacted: toReacted(args, outcome), to: outcome.told as UserId[] }]
      : none,

  createChat: (entered) => [enteredEvent(entered)],
  putMembers: ({ entered, looks, taken }) => [
    ...(entered ? [enteredEvent(entered)] : none),
    ...looks.flatMap(lookEvents),
    ...takenEvents(taken),
  ],
  addToChat: ({ entered }) => (entered ? [enteredEvent(entered)] : none),
  removeMembers: (left) => (left ? [leftEvent(left)] : none),
  removeFromChat: (left) => [leftEvent(left)],
  leaveChat: (left) => [leftEvent(left)],
  addHook: ({ entered }) => [enteredEvent(entered)],
  removeHook: (left) => [leftEvent(left)],
  deleteChat: (left) => [leftEvent(left)],
  muteChat: (muted, { userId }) => [{ type: "chat.muted", mute: toMute(muted), to: [userId as UserId] }],
  setChatAvatar: ({ chat, told }, { avatar: given }) => {
    const avatar = given === undefined ? undefined : Buffer.from(given, "base64");
    return [{ type: "chat.pictured", chat, avatar, to: told as UserId[] }];
  },
  renameChat: ({ chat, told }) => (told.length === 0 ? none : [{ type: "chat.renamed", chat, to: told as UserId[] }]),

  requestContacts: (results) => results.flatMap(contactEvents),
  confirmContact: contactEvents,
  revokeContact: contactEvents,
  blockContact: (outcome, { userId }) => blockEvents(outcome, userId, true),
  unblockContact: (outcome, { userId }) => blockEvents(outcome, userId, false),

  createUser: ({ taken }) => takenEvents([taken]),
  addMqttDevice: ({ entered, taken }) => [...entered.map(enteredEvent), ...takenEvents([taken])],
  setPassword: allEndedEvents,
  resetPassword: allEndedEvents,
  addToken: (ended) => tokenEvents(ended),
  endTokens: (ended) => (ended === null ? none : tokenEvents(ended)),
  rotateToken: ({ ended }) => (ended === undefined ? none : tokenEvents(ended)),

  setMqttDevice: (row) => deviceEvents(row, { newPassword: false }),
  setMqttDevicePassword: (row) => deviceEvents(row, { newPassword: true }),
  setUserTopics: (_, { userId }) => topicEvents(`user:${userId}`),
  trustUser: (_, { userId }) => topicEvents(`user:${userId}`),
  setTopicGroup: (known) => (known ? topicEvents(undefined) : none),
  removeTopicGroup: (removed) => (removed ? topicEvents(undefined) : none),
  changeTopicGroupMembers: (known) => (known ? topicEvents(undefined) : none),

  provision: (made) =>
    made.flatMap(({ look, taken }) => [...(look ? lookEvents(look) : none), ...takenEvents([taken])]),
  setReceiptRule: (_, { userId, rule }) => [{ type: "receipts.allowed", rule, to: [userId as UserId] }],
  setAvatar: (look) => lookEvents(look),
  setPresenceRule: (changed, { userId: id, rule }) => {
    const userId = id as UserId;
    return changed ? [{ type: "presence.allowed", userId, rule, to: [userId] }] : none;
  },
  setNick: (look) => (look === null ? none : lookEvents(look)),
  changePassword: ({ longTokenIds, phoneSessionIds }, { userId }) => [
    ...longTokenEvents(`user:${userId}`, longTokenIds),
    ...endedEvents(phoneSessionIds, [userId as UserId]),
  ],
  endToken: (ended, { userId }) => (ended === null ? none : longTokenEvents(`user:${userId}`, ended.longTokenIds)),
  endLongToken: (ended) => (ended === null ? none : longTokenEvents(ended.ownerKey, ended.tokenIds)),
  setUserDisabled: ({ phoneSessionIds }, { userId, disabled }) => {
    const to = [userId as UserId];
    if (!disabled) return [{ type: "user.enabled", to }];
    // The log-ins end first, so that no client is still logged in by one of them when the account goes.
    return [...endedEvents(phoneSessionIds, to), { type: "user.revoked", to }];
  },
  removeMqttDevice: (removed, { name, retainedToo }) =>
    removed === null
      ? none
      : [
          ...removed.left.map(leftEvent),
          ...(retainedToo === true
            ? [{ type: "retained.dropped" as const, ownerKey: `device:${name}`, to: [] }]
            : none),
        ],
  removeUser: (wire, { userId, retainedToo }) => [
    ...removedEvents({ userId, ...wire }),
    ...(retainedToo === true ? [{ type: "retained.dropped" as const, ownerKey: `user:${userId}`, to: [] }] : none),
  ],
  linkPhone: (linked) => (linked === null ? none : linkedEvents(linked)),
  unlinkPhone: unlinkedEvents,
  unlinkPassword: unlinkedEvents,
  linkUsername: (linked, { userId }) => [
    ...linkedEvents(linked),
    ...renamedEvents([userId, ...linked.unlinked.map((one) => one.userId)]),
  ],
  unlinkUsername: (unlinked) => [...unlinkedEvents(unlinked), ...renamedEvents([unlinked.userId])],
  endPhoneSession: (userId, { sessionId }) => (userId === null ? none : endedEvents([sessionId], [userId as UserId])),
  verifyPhoneSession: (outcome) =>
    outcome.result === "login" ? endedEvents(outcome.ended.sessionIds, outcome.ended.userIds as UserId[]) : none,

  changeProfile: (outcome, { phone, touch }) => {
    if (!outcome) return none;
    const { looks, changed, ownedIds } = outcome;
    if (touch) return profileEvents("set", phone, ownedIds);
    return [...looks.flatMap(lookEvents), ...(changed ? profileEvents("update", phone, ownedIds) : none)];
  },
  verifyEmailCode: (outcome, { phone }) => (outcome ? profileEvents("email", phone, outcome.ownedIds) : none),
  finishMigration: (outcome, { phone, newPhone }) =>
    (outcome?.users ?? []).map(({ userId, friendIds }) => ({
      type: "phone.changed",
      userId: userId as UserId,
      fromPhone: phone,
      toPhone: newPhone,
      to: [userId, ...friendIds] as UserId[],
    })),
  addRoster: (userId, { phone }) =>
    userId === null ? none : [{ type: "roster.added", phone, userId: userId as UserId, to: [userId as UserId] }],
  removeRoster: (outcome, { phone }) =>
    typeof outcome === "string" ? none : phoneEvents("roster.removed", toRemoved(phone, outcome)),
  removeProfile: (outcome, { phone }) => (outcome ? phoneEvents("profile.removed", toRemoved(phone, outcome)) : none),
};

export const movesPositions: ReadonlySet<ChangeName> = new Set([
  "advance",
  "confirmMessages",
  "readThrough",
  "confirmStatuses",
  "exchange",
]);

/** The positions of members that a commit moved, each once, from where it was before the commit to where it is after it. */
export class MovedPositions {
  readonly #moves = new Map<string, MovedPosition>();

  /** Takes note of what one of those changes moved. */
  note(outcome: unknown): void {
    if (outcome !== "foreign") this.#add((outcome as OutcomeOf<"advance"> | WireExchanged).moved);
  }

  #add(moves: readonly MovedPosition[]): void {
    for (const move of moves) {
      const [chatId, userId, , deliveredAfter, , readAfter] = move;
      const key = `${chatId}:${userId}`;
      const known = this.#moves.get(key);
      const first = known ?? move;
      this.#moves.set(key, [chatId, userId, first[2], deliveredAfter, first[4], readAfter]);
    }
  }

  take(): Events {
    if (this.#moves.size === 0) return none;
    const events = [...this.#moves.values()].map(
      ([chatId, userId, deliveredBefore, deliveredSeq, readBefore, readSeq]): DomainEvent => ({
        type: "position.moved",
        chatId: chatId as ChatId,
        userId: userId as UserId,
        deliveredBefore,
        deliveredSeq,
        readBefore,
        readSeq,
        to: [userId as UserId],
      }),
    );
    this.#moves.clear();
    return events;
  }
}

type Make = (outcome: unknown, args: unknown) => Events;
/** A look-up by a name that differs from call to call is cheaper in a Map, and compiled once. */
const makers = new Map(Object.entries(table) as [ChangeName, Make][]);

/** In the order in which they are told. */
export function eventsOf(name: ChangeName, outcome: unknown, args: unknown): Events {
  return makers.get(name)?.(outcome, args) ?? none;
}

/** A new chat is told of before the message that made it. */
function sentEvents({ message, members, entered }: Sent): Events {
  const sent: DomainEvent = { type: "message.sent", message, to: members };
  return entered === undefined ? [sent] : [toldOfEntered(entered), sent];
}

function toldEvents({ told }: { readonly told: readonly number[] }): Events {
  return told.length === 0 ? none : [{ type: "status.stored", to: [...new Set(told)] as UserId[] }];
}

function exchangeEvents(outcome: ValueOf<"exchange">): Events {
  if (outcome === "foreign") return none;
  const events: DomainEvent[] = [];
  for (const { message, repeated, replaced } of outcome.messages) {
    if (replaced !== undefined)
      events.push({ type: "message.deleted", message: replaced.message, to: replaced.members });
    // To those who have a text: the others see nothing of it, and pass over it when they read on.
    if (!repeated) {
      events.push({ type: "message.sent", message, to: [...new Set(message.texts.map(({ userId }) => userId))] });
    }
  }
  if (outcome.notified.length > 0) events.push({ type: "status.stored", to: outcome.notified });
  return events;
}

const enteredEvent = (parts: EnteredParts): DomainEvent => toldOfEntered(toEntered(parts));
const leftEvent = (parts: LeftParts): DomainEvent => toldOfLeft(toLeft(parts));

const toldOfEntered = (entered: Entered): DomainEvent => ({
  type: "chat.entered",
  entered,
  to: entered.rows.map((row) => row.userId),
});
const toldOfLeft = (left: Left): DomainEvent => ({ type: "chat.left", left, to: left.rows.map((row) => row.userId) });

const changedEvent = (change: ContactChange): DomainEvent => ({
  type: "contact.changed",
  change,
  to: [change.userId],
});

/** The lists of friends change; what reaches absent users is told once for all of them. */
function lookEvents(look: WireLook): Events {
  const changes = friendsTold(look);
  if (changes.length === 0) return none;
  const to = changes.map(({ userId }) => userId);
  return [...changes.map(changedEvent), { type: "user.changed", changes, to }];
}

function friendshipEvents(changes: readonly ContactChange[]): Events {
  if (changes.length === 0) return none;
  return [
    ...changes.map(changedEvent),
    { type: "friendship.changed", changes, to: changes.map(({ userId }) => userId) },
  ];
}

function contactEvents(wire: WireFriendResult<string>): Events {
  const changes = friendshipEvents(toContactChanges(wire));
  return wire.entered ? [...changes, enteredEvent(wire.entered)] : changes;
}

/** A phone loses all its users, or one of them. */
function phoneEvents(type: "profile.removed" | "roster.removed", removed: ProfileRemoved): Events {
  const userIds = removed.users.map(({ userId }) => userId);
  const revoked = userIds.filter((userId) => !removed.kept.includes(userId));
  return [
    // While the phone's clients are still its own.
    { type, removed, to: userIds },
    ...endedEvents(
      removed.sessions.map(({ sessionId }) => sessionId),
      userIds,
    ),
    ...removed.changes.map(changedEvent),
    ...removed.left.map(toldOfLeft),
    ...(revoked.length === 0 ? none : [{ type: "user.revoked" as const, to: revoked }]),
  ];
}

/** Told to the user's own clients alone: the other one is to notice as little as may be. */
function blockEvents(outcome: ValueOf<"blockContact">, user: number, blocked: boolean): Events {
  const { changed, wereFriends, contactId: contact, updatedAtMs } = outcome;
  if (!changed) return none;
  const [userId, contactId] = [user as UserId, contact as UserId];
  return [{ type: "contact.blocked", userId, contactId, blocked, wereFriends, updatedAtMs, to: [userId] }];
}

function tokenEvents({ userId, tokenIds }: WireEndedTokens): Events {
  if (tokenIds.length === 0) return none;
  return [{ type: "log-in.ended", userId: userId as UserId, tokenIds, byPassword: false, to: [userId as UserId] }];
}

function removedEvents({ userId: id, ...wire }: WireUserRemoved & { readonly userId: number }): Events {
  const userId = id as UserId;
  const { changes, left, phoneSessionIds } = toUserRemoved(userId, wire);
  const to = [userId];
  return [
    ...friendshipEvents(changes),
    ...left.map(toldOfLeft),
    ...endedEvents(phoneSessionIds, to),
    { type: "user.revoked", to },
  ];
}

/** What ends is told before the credential is another user's. */
function linkedEvents({ look, unlinked, removed, taken }: WireLinked): Events {
  return [
    ...unlinked.flatMap(unlinkedEvents),
    ...removed.flatMap(removedEvents),
    ...lookEvents(look),
    ...takenEvents([taken]),
  ];
}

function unlinkedEvents(unlinked: WireUnlinked): Events {
  const { look } = unlinked;
  return [...logInEvents(unlinked, unlinked), ...(look === undefined ? none : lookEvents(look))];
}

/** Topic patterns may name users by their keys. */
const renamedEvents = (userIds: readonly number[]): Events =>
  userIds.flatMap(
    (userId): Events => [
      { type: "user-key.changed", userId: userId as UserId, to: [userId as UserId] },
      ...topicEvents(`user:${userId}`),
    ],
  );

/** Null: none of the user's log-ins ended. */
function allEndedEvents(ended: WireEnded | null, { userId }: { readonly userId: number }): Events {
  return ended === null ? none : logInEvents(ended, { userId, byPassword: true });
}

function logInEvents(ended: WireEnded, { userId: id, byPassword }: { userId: number; byPassword: boolean }): Events {
  const userId = id as UserId;
  const to = [userId];
  const { tokenIds, longTokenIds, phoneSessionIds } = ended;
  return [
    ...longTokenEvents(`user:${userId}`, longTokenIds),
    ...endedEvents(phoneSessionIds, to),
    ...(tokenIds.length > 0 || byPassword
      ? [{ type: "log-in.ended" as const, userId, tokenIds, byPassword, to }]
      : none),
  ];
}

const longTokenEvents = (ownerKey: string, tokenIds: readonly string[]): Events =>
  tokenIds.length === 0 ? none : [{ type: "long-tokens.ended", ownerKey, tokenIds, to: [] }];

const deviceEvents = (row: MqttDeviceRow | null, { newPassword }: { newPassword: boolean }): Events =>
  row === null ? none : [{ type: "device.changed", device: toMqttDevice(row), newPassword, to: [] }];

const takenEvents = (taken: readonly (TakenLoginName | undefined)[]): Events =>
  taken.flatMap((one) =>
    one === undefined
      ? none
      : [
          {
            type: "login-name.taken",
            userId: one.userId as UserId,
            loginName: one.loginName,
            to: [one.userId as UserId],
          },
        ],
  );

const topicEvents = (ownerKey: string | undefined): Events => [{ type: "topics.changed", ownerKey, to: [] }];

const endedEvents = (sessionIds: readonly number[], to: readonly UserId[]): Events =>
  sessionIds.length === 0 ? none : [{ type: "session.ended", sessionIds, to }];

const profileEvents = (operation: "set" | "update" | "email", phone: string, to: readonly number[]): Events => [
  { type: "profile.changed", operation, phone, to: to as UserId[] },
];
