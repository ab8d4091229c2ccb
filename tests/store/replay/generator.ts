/**
 * Makes batches that reach every change: arguments drawn from what the database holds, and now and then from what it does
 * not. A change that is not in the table does not compile.
 */
import type { Database } from "bun:sqlite";
import { createHash } from "node:crypto";
import type { ChatId, ChatRef, Draft, MessageId, UserId } from "../../../src/domain/model.ts";
import { hashCode } from "../../../src/domain/phones/codes.ts";
import type { PhoneLimits } from "../../../src/domain/phones/phone-store.ts";
import type { ProfileLimits } from "../../../src/domain/profiles/profile-store.ts";
import { queueColumnCount } from "../../../src/mqtt/store.ts";
import type { ArgumentsOf, ChangeName } from "../../../src/store/sqlite/changes.ts";
import type { NamedChange } from "../../../src/store/sqlite/engine/committer.ts";
import type { WireDraft } from "../../../src/store/sqlite/messages/message-changes.ts";
import type { WireTurns } from "../../../src/store/sqlite/mqtt/turns.ts";
import { at } from "../../support/manual-clock.ts";
import type { Random } from "../../support/random.ts";

export const startMs = Date.UTC(2026, 0, 1);
const hourMs = 3_600_000;

const phoneLimits: PhoneLimits = {
  codeLifetimeMs: 600_000,
  codeCooldownMs: 60_000,
  attemptsMax: 3,
  pendingMs: hourMs,
  pendingPerDeviceMax: 2,
  pendingPerPhoneMax: 3,
  pendingMax: 8,
  sessionsPerPhoneMax: 2,
};
const profileLimits: ProfileLimits = { codeLifetimeMs: 600_000, attemptsMax: 3, mailsPerHour: 5 };

const phones = ["35799000001", "35799000002", "35799000003", "35799000004"];
const usernames = ["ann", "bob", "carl", "dora", "emil", "fay"];
const names = ["one", "two", "three"];
const rightCode = "123456";

/** What one run draws from: a source of choices, and the database as it was before the batch. */
export function createGenerator(db: Database, random: Random) {
  const { int, chance, pick } = random;
  let blobs: Uint8Array[] = [];
  let drawn = 0;
  let lastQueueId = 0;

  const rows = (sql: string): unknown[][] => db.prepare(sql).values();
  const all = (sql: string): number[] => rows(sql).flat().map(Number);
  /** One of the numbers that a query gives, or seldom one that is nowhere. */
  const one = (sql: string): number => {
    const found = all(sql);
    return found.length === 0 || chance(0.05) ? 999_999 : pick(found);
  };
  const some = <Value>(from: readonly Value[], max: number): Value[] =>
    from.length === 0 ? [] : Array.from({ length: int(max + 1) }, () => pick(from));
  const maybe = <Value>(probability: number, value: () => Value): Value | undefined =>
    chance(probability) ? value() : undefined;

  const hash = (text: string): string => createHash("sha256").update(text).digest("hex");
  const fresh = (): string => {
    drawn += 1;
    return hash(`drawn ${drawn}`);
  };
  const text = (): string => `${"a word or two ".repeat(1 + int(3))}${chance(0.1) ? `@${pick(usernames)}.` : ""}`;
  const bytes = (): Uint8Array => Uint8Array.from({ length: 1 + int(40) }, () => int(256));
  const blob = (): number => blobs.push(bytes()) - 1;

  const user = (): UserId => one("SELECT user_id FROM users") as UserId;
  /** Someone who has it, and another one too if there is such a user. */
  const withCredential = (column: "phone" | "password_hash" | "username"): number => {
    const count = "(phone IS NOT NULL) + (password_hash IS NOT NULL) + (username IS NOT NULL)";
    const two = all(`SELECT user_id FROM users WHERE ${column} IS NOT NULL AND ${count} > 1`);
    return two.length === 0 || chance(0.2) ? one(`SELECT user_id FROM users WHERE ${column} IS NOT NULL`) : pick(two);
  };
  const users = (): UserId[] => some(all("SELECT user_id FROM users"), 4) as UserId[];
  const loginName = (): string => (chance(0.5) ? pick(usernames) : `device${int(6)}`);
  const userKey = (): string => (chance(0.7) ? pick(usernames) : `user.${user()}`);
  const guid = (): string =>
    String(pick(rows("SELECT guid FROM users UNION SELECT guid FROM devices").flat().concat("nobody's")));
  const device = (): number => one("SELECT device_id FROM devices");
  const message = (): MessageId => one("SELECT message_id FROM messages") as MessageId;
  const chatKey = (): string => {
    const [key, kind, low, high, id] = pick(
      rows("SELECT chat_key, kind, direct_low, direct_high, chat_id FROM chats").concat([["nowhere"]]),
    );
    if (typeof key === "string" && chance(0.8)) return key;
    return kind === "direct" && chance(0.8) ? `direct.${low}.${high}` : `chat.${id}`;
  };
  const group = (): string => {
    const groups = rows("SELECT coalesce(chat_key, 'chat.' || chat_id) FROM chats WHERE kind = 'group'")
      .flat()
      .map(String);
    return groups.length === 0 || chance(0.1) ? chatKey() : pick(groups);
  };
  const chatRef = (): ChatRef => {
    if (chance(0.3)) return { id: user() };
    return chance(0.4) ? { key: chance(0.2) ? `user.${user()}` : chatKey() } : { id: one("SELECT chat_id FROM chats") };
  };
  /** A member of a chat, with how long the chat is. */
  const membership = (): [userId: number, chatId: number, lastSeq: number] => {
    const found = rows("SELECT user_id, m.chat_id, last_seq FROM members m JOIN chats USING (chat_id)");
    const [userId = 999_999, chatId = 999_999, lastSeq = 0] = found.length === 0 ? [] : (pick(found) as number[]);
    return [userId, chatId, lastSeq];
  };
  const deviceOf = (userId: number): number | undefined => {
    const own = all(`SELECT device_id FROM devices WHERE user_id = ${userId}`);
    return own.length === 0 || chance(0.4) ? undefined : chance(0.05) ? device() : pick(own);
  };
  const acting = (): { userId: UserId; chat: ChatRef } => {
    const groups = rows(
      "SELECT user_id, m.chat_id, owner_id FROM members m JOIN chats USING (chat_id) WHERE kind = 'group'",
    );
    const [member, chatId, owner] = groups.length === 0 ? [1, 1, 1] : (pick(groups) as number[]);
    if (chance(0.1)) return { userId: user(), chat: chatRef() };
    return { userId: (chance(0.6) ? owner : member) as UserId, chat: { id: chatId ?? 1 } };
  };
  const rule = () => (chance(0.2) ? { hidesStrangers: true } : {});
  const nowMs = (): number => Number(rows("SELECT next FROM sequence WHERE name = 'time'")[0]?.[0]) || startMs;
  const session = (): number => one("SELECT session_id FROM mqtt_sessions");
  const queueIds = (): number[] =>
    some(all("SELECT queue_id FROM mqtt_queue"), 3).concat(maybe(0.1, () => 1 + int(lastQueueId + 1)) ?? []);
  const token = (kind: string): string => {
    const found = rows(`SELECT hex(hash) FROM tokens WHERE kind = '${kind}'`)
      .flat()
      .map((each) => String(each).toLowerCase());
    return found.length === 0 || chance(0.1) ? fresh() : pick(found);
  };
  const pair = () => [
    { kind: "access" as const, hash: fresh(), lifetimeMs: int(2 * hourMs) },
    { kind: "refresh" as const, hash: fresh(), lifetimeMs: maybe(0.5, () => 24 * hourMs) },
  ];
  const scramKeys = () => ({ salt: "c2FsdA==", iterations: 4096, storedKey: "a2V5", serverKey: "a2V5" });
  const code = () => {
    const salt = createHash("md5").update(fresh()).digest();
    return { salt: salt.toString("hex"), hash: Buffer.from(hashCode(salt, rightCode)).toString("hex") };
  };
  const typed = (): string => (chance(0.6) ? rightCode : "000000");
  const phone = (): string => pick(phones);
  const friend = () => {
    if (chance(0.6)) return user();
    return chance(0.5) ? { phone: phone() } : { phone: chance(0.5) ? phone() : "", userId: user() };
  };
  const pending = () => {
    const found = rows("SELECT hex(hash), phone, dev_key FROM phone_sessions");
    const [shown, of, devKey] = found.length === 0 || chance(0.1) ? [fresh(), phone(), "key"] : pick(found);
    return { shown: String(shown).toLowerCase(), phone: String(of), devKey: String(devKey) };
  };
  const service = () => ({
    id: pick(names),
    type: "email",
    data: undefined,
    login: `${pick(names)}@example.org`,
    expiration: undefined,
    status: "added",
  });
  const webhook = (): string => pick(names);
  const offset = () => ({ messageId: int(5), eventId: int(5) });

  function draft(more: Partial<Omit<Draft, "content">> = {}): WireDraft {
    const [userId, chatId] = membership();
    const from = (chance(0.9) ? userId : chance(0.2) ? 0 : user()) as UserId;
    const content = chance(0.7)
      ? text()
      : chance(0.4)
        ? { blob: blob() }
        : chance(0.5)
          ? { file: file() }
          : { named: named() };
    const chat: ChatRef = chance(0.6) ? { id: chatId } : chatRef();
    const clientId = maybe(0.3, () => `c${int(20)}`);
    const publish =
      clientId === undefined && chance(0.3)
        ? { sessionId: session(), packetId: 1 + int(9), dup: chance(0.4), exactlyOnce: chance(0.3) }
        : undefined;
    const replyTo = maybe(0.1, message);
    const mentions = maybe(0.1, users);
    const isNamed = typeof content !== "string" && "named" in content;
    const type = pick(isNamed ? ["text", "image/png", ""] : ["text", "image/png"]);
    return { chat, from, type, content, clientId, publish, replyTo, mentions, ...rule(), ...more };
  }

  /** An upload of any user, or a file of any chat. */
  const named = (): string => {
    const hashes = rows("SELECT lower(hex(hash)) FROM message_files").flat().map(String);
    const ids = rows("SELECT upload_id FROM uploads").flat().map(String);
    return pick([...hashes, ...ids, ...ids, `up_${"0".repeat(32)}`]);
  };
  const upload = () => {
    const found = rows("SELECT user_id, upload_id FROM uploads") as [number, string][];
    const [userId, uploadId] = found.length === 0 || chance(0.1) ? [user(), fresh().slice(0, 32)] : pick(found);
    return { userId, uploadId };
  };

  const file = () => ({ hash: hash(pick(names)), bytes: 3, form: "bytes" as const, mediaType: "image/png" });

  const exchange = (messages: boolean): ArgumentsOf<"exchange"> => {
    const [userId, chatId] = membership();
    const members = rows(`SELECT guid FROM members JOIN users USING (user_id) WHERE chat_id = ${chatId}`)
      .flat()
      .map(String);
    const ofOthers = all(
      `SELECT message_id FROM messages JOIN members USING (chat_id) WHERE user_id = ${userId} AND sender_id <> ${userId}`,
    );
    const events = all(`SELECT event_id FROM events WHERE user_id = ${userId}`);
    const drafts = Array.from({ length: messages ? 1 + int(2) : 0 }, () => ({
      chatKey: chance(0.9) ? `chat.${chatId}` : chatKey(),
      clientId: `x${int(30)}`,
      clientTimeMs: maybe(0.3, () => nowMs()),
      texts: [...new Set(some(chance(0.9) ? members : [guid()], 3))].map((each) => ({ guid: each, text: text() })),
      oldMessageId: maybe(0.1, () => one("SELECT message_id FROM messages WHERE kind >= 16")),
    }));
    const statuses = some(ofOthers, 4).map((messageId) => ({
      messageId,
      status: pick(["delivered", "read"] as const),
    }));
    const seen = some(events, 2).map((eventId) => ({ eventId, status: "delivered" as const }));
    return { userId, deviceId: deviceOf(userId) ?? null, messages: drafts, confirmations: [...statuses, ...seen] };
  };

  const turnsLeft = (): WireTurns => {
    const turns = rows("SELECT first_id, last_id FROM mqtt_turns") as [number, number][];
    if (turns.length === 0) return { moved: [], emptied: [] };
    const [firstId, lastId] = pick(turns);
    const ids = Array.from({ length: lastId - firstId + 1 }, (_, n) => firstId + n).filter(() => chance(0.5));
    return { moved: ids.length === 0 ? [] : [[firstId, ids]], emptied: chance(0.5) ? [firstId] : [] };
  };

  const retained = () =>
    Array.from({ length: 1 + int(2) }, () => ({
      topic: `t/${int(4)}`,
      qos: int(3),
      payload: chance(0.7) ? blob() : null,
      properties: null,
      expiresAtMs: maybe(0.3, () => nowMs() + hourMs) ?? null,
    }));

  const sessionOpening = () => ({
    principalKey: `user:${1 + int(3)}`,
    clientId: pick(names),
    nowMs: nowMs(),
    expirySeconds: maybe(0.5, () => 60) ?? null,
  });

  function enqueue(): ArgumentsOf<"enqueue"> {
    const sessions = all("SELECT session_id FROM mqtt_sessions");
    const count = sessions.length === 0 ? 0 : 1 + int(4);
    const together = chance(0.5) && count > 0;
    const values = new Float64Array(count * queueColumnCount);
    const packets = bytes();
    for (let row = 0; row < count; row += 1) {
      lastQueueId += 1;
      const live = together || chance(0.5) ? 1 : 0;
      values.set(
        [
          lastQueueId,
          pick(sessions),
          together ? 1 : 1 + int(2),
          live === 1 ? 1 + int(99) : 0,
          live,
          0,
          0,
          packets.length,
        ],
        row * queueColumnCount,
      );
    }
    blobs.push(new Uint8Array(values.buffer), packets);
    const received: [number, number][] = chance(0.3) ? [[session(), 1 + int(9)]] : [];
    return { together, shares: [], received, retained: chance(0.2) ? retained() : [] };
  }

  const table: { readonly [Name in ChangeName]: () => ArgumentsOf<Name> } = {
    createUser: () => ({
      nick: pick(usernames),
      username: maybe(0.5, () => pick(usernames)),
      passwordHash: maybe(0.5, () => pick(names)),
      scramKeys: maybe(0.3, scramKeys),
      loginName: maybe(0.3, loginName),
      invite: maybe(0.2, () => hash(pick(names))),
    }),
    setLoginName: () => ({ userId: user(), loginName: maybe(0.8, loginName) }),
    keepLogInNetwork: () => ({
      account: chance(0.6) ? `user:${user()}` : `device:device${int(6)}`,
      network: `192.0.2.${int(40)}`,
    }),
    setPassword: () => ({ userId: user(), passwordHash: pick(names), scramKeys: maybe(0.5, scramKeys) }),
    touchUsers: () => ({ seen: users().map((userId) => ({ userId, lastSeenAtMs: nowMs() })) }),
    provision: () => ({
      participants: Array.from({ length: 1 + int(2) }, () => ({
        username: pick(usernames),
        displayName: maybe(0.5, () => pick(names)),
        publicKey: maybe(0.3, () => "a2V5"),
        clientId: maybe(0.5, () => pick(names)),
        tokens: pair(),
      })),
      onlyNew: maybe(0.2, () => true),
      repeatable: maybe(0.4, () => true),
    }),
    openDevice: () => ({ userId: existing(user()), door: pick(["mqtt", "minioicq", "rest"]), name: pick(names) }),
    endDevice: () => ({ userId: user(), door: pick(["mqtt", "minioicq", "rest"]), name: pick(names) }),
    setBackendKey: () => ({ hash: fresh() }),
    rotateToken: () => ({ hash: token("refresh"), next: pair() }),
    endTokens: () => ({ hash: token("access"), kind: "access" }),
    openTokenRun: () => ({ hash: hash(pick(names)), fresh: fresh(), lifetimeMs: hourMs }),
    addMqttDevice: () => ({
      name: chance(0.7) ? `device${int(6)}` : pick(usernames),
      passwordHash: maybe(0.5, () => "hash"),
      certificateSubject: maybe(0.3, () => `CN=${pick(names)}`),
      publish: maybe(0.3, () => ["a/#"]),
      userId: maybe(0.2, () => user()),
      chats: maybe(0.3, () => [
        { chat: { id: one("SELECT chat_id FROM chats") }, allow: maybe(0.5, () => pick(["send", "read"])) },
      ]),
      membersMax: 5,
      scramKeys: maybe(0.3, scramKeys),
    }),
    setMqttDevice: () => ({
      name: `device${int(6)}`,
      patterns: maybe(0.6, () => (chance(0.3) ? null : { publish: ["b/#"], subscribe: [] })),
      userId: maybe(0.5, () => (chance(0.3) ? null : user())),
    }),
    setMqttDevicePassword: () => ({
      name: `device${int(6)}`,
      passwordHash: maybe(0.8, () => "other"),
      scramKeys: maybe(0.5, scramKeys),
    }),
    setUserTopics: () => ({
      userId: user(),
      patterns: maybe(0.7, () => ({ publish: ["c/%u"], subscribe: [pick(names)] })),
    }),
    trustUser: () => ({ userId: user() }),
    addTopicGroup: () => ({ name: pick(names), publish: [pick(names)], subscribe: [], groupsMax: 2 }),
    setTopicGroup: () => ({ name: pick(names), publish: [], subscribe: [pick(names)] }),
    removeTopicGroup: () => ({ name: pick(names) }),
    changeTopicGroupMembers: () => {
      const member = () => (chance(0.6) ? `user:${user()}` : `device:device${int(6)}`);
      return { name: pick(names), add: some([member()], 2), remove: some([member()], 1) };
    },
    touchMqttDevices: () => ({ seen: [{ name: `device${int(6)}`, lastSeenAtMs: nowMs() }] }),
    removeMqttDevice: () => ({ name: `device${int(6)}` }),
    addScramKeys: () => ({ userId: user(), passwordHash: pick(names), scramKeys: scramKeys() }),
    keepSecret: () => ({ name: pick(names), fresh: "c2VjcmV0" }),
    createChat: () => ({
      ownerId: user(),
      members: users(),
      name: maybe(0.5, text),
      membersMax: maybe(0.3, () => 3),
      ...rule(),
    }),
    putMembers: () => ({
      chatKey: chance(0.6) ? pick(names) : chatKey(),
      people: Array.from({ length: 1 + int(3) }, () => ({
        username: userKey(),
        displayName: maybe(0.3, () => pick(names)),
      })),
      chatName: maybe(0.4, text),
      membersMax: maybe(0.2, () => 4),
    }),
    removeMembers: () => ({ chatKey: group(), people: [userKey(), ...some([userKey(), guid()], 2)] }),
    deleteChat: () => ({ chatKey: group() }),
    sweepChat: () => ({ chatId: one("SELECT chat_id FROM sweeps"), rows: 1 + int(5) }),
    muteChat: () => {
      const [userId, chatId] = membership();
      const chat: ChatRef = chance(0.9) ? { id: chatId } : chatRef();
      return { userId, chat, untilMs: maybe(0.7, () => nowMs() + (int(4) - 1) * hourMs) };
    },
    leaveChat: acting,
    addToChat: () => ({ ...acting(), members: users(), membersMax: maybe(0.3, () => 4), ...rule() }),
    removeFromChat: () => {
      const { userId, chat } = acting();
      const others =
        "id" in chat ? all(`SELECT user_id FROM members WHERE chat_id = ${chat.id} AND user_id <> ${userId}`) : [];
      return { userId, chat, members: chance(0.8) ? others.slice(0, 1) : users() };
    },
    renameChat: () => ({ ...acting(), name: text() }),
    addHook: () => {
      const chat = { id: one("SELECT chat_id FROM chats") };
      const by = maybe(0.5, () => one(`SELECT owner_id FROM chats WHERE chat_id = ${chat.id}`));
      return { chat, by, name: pick(names), hash: fresh(), hooksMax: 2, membersMax: 5 };
    },
    removeHook: () => {
      const userId = one("SELECT user_id FROM hooks");
      return {
        userId,
        by: maybe(0.3, () => user()),
        chat: maybe(0.2, () => ({ id: one("SELECT chat_id FROM chats") })),
      };
    },
    appendMessage: () => draft(),
    appendMessages: () => {
      const { chat, from } = draft();
      return { drafts: Array.from({ length: 1 + int(3) }, () => draft({ chat, from, publish: undefined })) };
    },
    deleteMessage: () => {
      const messageId = message();
      const sender = one(`SELECT sender_id FROM messages WHERE message_id = ${messageId}`);
      return { userId: maybe(0.9, () => (chance(0.8) ? sender : user())), messageId };
    },
    editMessage: () => {
      // Mostly one that its sender, a member still, may edit.
      const own =
        "SELECT message_id FROM messages m JOIN members USING (chat_id) WHERE user_id = sender_id AND kind < 16";
      const messageId = chance(0.8) ? (one(own) as MessageId) : message();
      const sender = one(`SELECT sender_id FROM messages WHERE message_id = ${messageId}`);
      const content = chance(0.7)
        ? `${text()}${chance(0.3) ? "@ann" : ""}`
        : chance(0.5)
          ? { blob: blob() }
          : { file: file() };
      return { userId: chance(0.9) ? sender : user(), messageId, content, mentions: maybe(0.3, users) };
    },
    reactToMessage: () => {
      const known = rows("SELECT user_id, message_id, reaction FROM message_reactions");
      const [of, to, what] = known.length === 0 || chance(0.6) ? [] : pick(known);
      const messageId = to === undefined ? message() : Number(to);
      const members = all(`SELECT user_id FROM members JOIN messages USING (chat_id) WHERE message_id = ${messageId}`);
      const userId = of === undefined ? pick([...members, user()]) : Number(of);
      const reaction = what === undefined ? String.fromCodePoint(0x1f600 + int(24)) : String(what);
      return { userId, messageId, reaction, added: chance(0.6) };
    },
    openUpload: () => ({
      userId: user(),
      uploadId: `up_${fresh().slice(0, 32)}`,
      bytes: 1 + int(9),
      type: maybe(0.5, () => pick(["image/png", "text/plain"])),
      name: maybe(0.3, () => pick(names)),
      lifetimeMs: int(2 * hourMs),
      uploadsMax: 1 + int(8),
    }),
    advanceUpload: () => ({ ...upload(), offset: int(9) }),
    finishUpload: () => ({ ...upload(), hash: hash(pick(names)), head: "89504e470d0a1a0a", isText: chance(0.5) }),
    endUpload: upload,
    endExpiredUploads: () => ({ max: 1 + int(3) }),
    exchange: () => exchange(true),
    confirmStatuses: () => exchange(false),
    advance: () => ({
      moves: Array.from({ length: 1 + int(4) }, () => {
        const [userId, chatId, lastSeq] = membership();
        const seq = int(lastSeq + 2);
        const fromSeq = chance(0.5) ? 1 : Math.max(1, seq - int(3));
        return [userId, deviceOf(userId) ?? 0, chatId, fromSeq, seq, pick([0, 0, 0, 1, 2])] as const;
      }),
    }),
    readThrough: () => {
      const [userId, chatId, lastSeq] = membership();
      const place = chance(0.6) ? { seq: int(lastSeq + 2) } : { messageId: message() };
      return { userId, deviceId: deviceOf(userId) ?? 0, chat: chance(0.9) ? { id: chatId } : chatRef(), ...place };
    },
    setNick: () => ({ userId: user(), nick: pick(names) }),
    setChatAvatar: () => {
      const [userId, chatId] = membership();
      return { userId, chat: { id: chatId }, avatar: maybe(0.7, () => Buffer.from(pick(names)).toString("base64")) };
    },
    setPresenceRule: () => ({ userId: user(), rule: pick(["friends", "none"] as const) }),
    setReceiptRule: () => ({ userId: user(), rule: pick(["all", "delivered", "none"] as const) }),
    confirmMessages: () => ({
      moves: Array.from({ length: 1 + int(3) }, () => {
        const [userId, chatId, lastSeq] = membership();
        const from = 1 + int(lastSeq + 1);
        return [userId, deviceOf(userId) ?? 0, chatId, [[from, from + int(3)]]] as const;
      }),
    }),
    confirmEvents: () => {
      const userId = user();
      return {
        userId,
        door: pick(["minioicq", "rest"]),
        eventIds: some(all(`SELECT event_id FROM events WHERE user_id = ${userId}`), 3),
      };
    },
    announceChats: () => {
      const [userId, chatId] = membership();
      const eventIds = some(all(`SELECT event_id FROM events WHERE user_id = ${userId}`), 2);
      return { userId, deviceId: deviceOf(userId) ?? device(), chatIds: [chatId], eventIds };
    },
    retain: () => ({ topics: retained() }),
    unretain: () => ({ topics: retained().map(({ topic }) => topic) }),
    enqueue,
    wait: () => ({ queueIds: queueIds(), ...turnsLeft() }),
    send: () => ({ sent: queueIds().map((queueId) => [queueId, 1 + int(99)] as const) }),
    release: () => ({ queueId: queueIds()[0] ?? 0 }),
    dequeue: () => ({ queueIds: queueIds(), ...turnsLeft() }),
    leaveTurns: turnsLeft,
    restart: () => ({ nowMs: nowMs() }),
    openSession: sessionOpening,
    resumeSession: sessionOpening,
    suspendSession: () => ({
      sessionId: session(),
      disconnectedAtMs: nowMs(),
      expirySeconds: null,
      sending: queueIds().map((queueId) => [queueId, 1 + int(9), chance(0.3) ? 1 : 0] as const),
      waiting: queueIds(),
      ...turnsLeft(),
    }),
    endSession: () => ({ sessionId: session() }),
    subscribe: () => ({
      sessionId: session(),
      subscriptions: [{ filter: `a/${int(3)}`, qos: int(3), options: 0, subscriptionId: null }],
    }),
    unsubscribe: () => ({ sessionId: session(), filters: [`a/${int(3)}`] }),
    received: () => ({ sessionId: session(), packetId: 1 + int(9) }),
    released: () => ({ sessionId: session(), packetId: 1 + int(9) }),
    putWill: () => {
      blob();
      return { principalKey: `user:${1 + int(3)}`, clientId: pick(names), delaySeconds: int(9) };
    },
    scheduleWill: () => ({ willId: one("SELECT will_id FROM mqtt_wills"), publishAtMs: nowMs() }),
    removeWill: () => ({ willId: one("SELECT will_id FROM mqtt_wills") }),
    requestContacts: () => ({ userId: user(), friends: [friend(), ...some([friend()], 1)], ...rule() }),
    confirmContact: () => {
      const asked = rows("SELECT user_id, contact_id FROM contacts WHERE status = 'authorization'");
      const [userId, contactId] = asked.length === 0 || chance(0.2) ? [user(), user()] : (pick(asked) as number[]);
      return { userId: userId ?? 0, friend: contactId ?? 0 };
    },
    revokeContact: () => ({ userId: user(), friend: friend() }),
    blockContact: () => ({ userId: user(), contactId: user(), ...rule() }),
    unblockContact: () => {
      const blocked = rows("SELECT user_id, contact_id FROM contacts WHERE status = 'banned'");
      const [userId = 0, contactId = 0] = blocked.length === 0 ? [user(), user()] : (pick(blocked) as number[]);
      return { userId, contactId };
    },
    changeProfile: () => {
      const of = phone();
      const own = all(`SELECT user_id FROM users WHERE phone = '${of}'`);
      return {
        phone: of,
        services: maybe(0.4, () => [service()]),
        settings: maybe(0.4, () => [{ id: pick(names), key: "k", value: chance(0.5), group: "g" }]),
        rosters: maybe(0.4, () =>
          some(own, 2).map((userId) => ({ userId: userId as UserId, names: pick(names), surnames: pick(names) })),
        ),
        touch: chance(0.3),
      };
    },
    addEmailCodes: () => ({
      phone: phone(),
      services: [service()],
      codes: [{ address: `${pick(names)}@example.org`, code: code() }],
      limits: profileLimits,
    }),
    verifyEmailCode: () => ({
      phone: phone(),
      address: maybe(0.5, () => `${pick(names)}@example.org`),
      code: typed(),
      limits: profileLimits,
    }),
    beginMigration: () => ({ phone: phone(), newPhone: phone(), code: code(), lifetimeMs: hourMs }),
    finishMigration: () => {
      const begun = rows("SELECT phone, target FROM profile_codes WHERE purpose = 'migration'");
      const [from, to] = begun.length === 0 ? [phone(), phone()] : pick(begun);
      return {
        phone: String(from),
        newPhone: String(to),
        code: maybe(0.8, typed),
        codeRequired: true,
        limits: profileLimits,
      };
    },
    addRoster: () => ({
      phone: phone(),
      roster: { names: maybe(0.5, () => pick(names)), nick: maybe(0.3, () => pick(names)) },
      rostersMax: 3,
    }),
    removeRoster: () => {
      const [own, userId] = pick(
        rows("SELECT phone, user_id FROM users WHERE phone IS NOT NULL").concat([[phone(), user()]]),
      );
      return { phone: chance(0.9) ? String(own) : phone(), userId: Number(userId) };
    },
    removeProfile: () => ({ phone: phone() }),
    addInvite: () => ({
      hash: fresh(),
      uses: 1 + int(2),
      lifetimeMs: hourMs,
      by: maybe(0.5, () => ({ userId: user(), invitesMax: 2 })),
    }),
    setAvatar: () => ({ userId: user(), avatar: maybe(0.7, () => "cGljdHVyZQ==") }),
    addToken: () => ({ userId: user(), hash: fresh(), name: pick(names), lifetimeMs: hourMs, tokensMax: 3 }),
    touchToken: () => ({ hash: token("access"), lifetimeMs: maybe(0.5, () => hourMs) }),
    endToken: () => {
      const found = rows("SELECT user_id, lower(substr(hex(hash), 1, 16)) FROM tokens WHERE kind = 'access'");
      const [userId, tokenId] = found.length === 0 ? [user(), "none"] : pick(found);
      return { userId: Number(userId), tokenId: String(tokenId) };
    },
    addAccountCode: () => ({
      userId: user(),
      purpose: pick(["sent", "operator", "link", "phone"]),
      code: { salt: "", hash: hash(pick(names)) },
      lifetimeMs: hourMs,
      mail: maybe(0.3, () => ({ phone: "4479", perHour: 2 })),
    }),
    tryAccountCode: () => ({ userId: user(), code: pick(names), attemptsMax: 2 }),
    resetPassword: () => ({
      userId: user(),
      code: pick(names),
      attemptsMax: 2,
      passwordHash: pick(names),
      scramKeys: scramKeys(),
    }),
    linkPhone: () => {
      const userId = Number(
        pick(rows("SELECT user_id FROM account_codes WHERE purpose = 'phone'").concat([[user()]]))[0],
      );
      return { userId, phone: phone(), code: pick(names), attemptsMax: 2 };
    },
    unlinkPhone: () => ({ userId: withCredential("phone") }),
    linkPassword: () => ({
      // Who has another credential then can unlink one.
      userId: chance(0.8) ? one("SELECT user_id FROM users WHERE phone IS NOT NULL AND password_hash IS NULL") : user(),
      code: maybe(0.3, () => pick(names)),
      attemptsMax: 2,
      passwordHash: pick(names),
      scramKeys: scramKeys(),
    }),
    unlinkPassword: () => {
      const userId = withCredential("password_hash");
      const [oldHash] = rows(`SELECT password_hash FROM users WHERE user_id = ${userId}`).flat();
      return { userId, oldHash: String(oldHash) };
    },
    linkUsername: () => ({ userId: user(), username: pick(usernames) }),
    unlinkUsername: () => ({ userId: withCredential("username") }),
    takeLogInLink: () => ({ hash: hash(pick(names)) }),
    changePassword: () => {
      const found = rows("SELECT user_id, password_hash FROM users WHERE password_hash IS NOT NULL");
      const [userId, oldHash] = found.length === 0 ? [user(), "none"] : pick(found);
      const end = maybe(0.5, () => ({}));
      return {
        userId: Number(userId),
        oldHash: String(oldHash),
        passwordHash: pick(names),
        scramKeys: scramKeys(),
        end,
      };
    },
    addLongToken: () => ({
      hash: fresh(),
      ownerKey: chance(0.6) ? `user:${user()}` : `device:device${int(6)}`,
      name: maybe(0.5, () => pick(names)),
      scopes: maybe(0.5, () => [{ allow: "read" as const, topic: "a/#" }]),
      madeBy: pick(["operator", "backend", "minioicq", "rest"]),
      lifetimeMs: maybe(0.5, () => int(2 * hourMs)),
      tokensMax: 3,
    }),
    endLongToken: () => {
      const found = rows("SELECT token_id, owner_key FROM long_lived_tokens");
      const [tokenId, ownerKey] = found.length === 0 || chance(0.1) ? ["none", "user:1"] : pick(found);
      return { tokenId: String(tokenId), ownerKey: maybe(0.5, () => String(ownerKey)) };
    },
    touchLongToken: () => ({ tokenId: String(rows("SELECT token_id FROM long_lived_tokens LIMIT 1").flat()[0]) }),
    setUserDisabled: () => ({ userId: user(), disabled: chance(0.3) }),
    removeUser: () => ({ userId: user() }),
    beginPhoneSession: () => ({
      shown: maybe(0.4, () => pending().shown),
      shownIsUsable: chance(0.5),
      fresh: fresh(),
      devKey: chance(0.9) ? pick(names) : undefined,
      phone: chance(0.9) ? phone() : undefined,
      clientId: pick(names),
      language: "en",
      code: code(),
      mayRegister: chance(0.9),
      limits: phoneLimits,
    }),
    phoneCodeFailed: () => ({ codeId: one("SELECT code_id FROM phone_codes") }),
    verifyPhoneSession: () => ({
      token: pending().shown,
      code: typed(),
      mayRegister: chance(0.9),
      limits: phoneLimits,
    }),
    renewPhoneCode: () => ({
      token: pending().shown,
      pendingMs: hourMs,
      code: code(),
      lifetimeMs: hourMs,
    }),
    endPhoneSession: () => {
      const found = rows("SELECT phone, session_id FROM phone_sessions WHERE user_id IS NOT NULL");
      const [of, sessionId] = found.length === 0 ? [phone(), 1] : pick(found);
      return { phone: String(of), sessionId: Number(sessionId) };
    },
    touchPhoneSession: () => ({ sessionId: one("SELECT session_id FROM phone_sessions"), atMs: nowMs() }),
    hearPhoneSession: () => ({ sessionId: one("SELECT session_id FROM phone_sessions") }),
    keepPaidMessage: () => ({ number: phone(), network: "net", prefix: "357", atMs: at(nowMs()) }),
    keepAnswer: () => {
      blob();
      const fingerprint = fresh();
      return {
        hash: hash(pick(names)),
        caller: "me",
        fingerprint,
        status: 200,
        contentType: "text/plain",
        answersMax: 2,
      };
    },
    putWebhook: () => ({ name: webhook(), url: "https://example.org", secret: "s", kinds: ["message"] }),
    removeWebhook: () => ({ name: webhook() }),
    saveWebhook: () => {
      const [, chatId] = membership();
      const place = {
        chatId: chatId as ChatId,
        ...offset(),
        attempts: 1,
        failingSinceMs: at(1),
        nextAtMs: at(2),
        problem: "down",
      };
      const givenUp = { chatId: chatId as ChatId, kind: "message", messageId: 1, eventId: 0, problem: "gone" };
      return {
        name: webhook(),
        offset: offset(),
        places: chance(0.5) ? [place] : [],
        caughtUp: chance(0.3) ? [chatId as ChatId] : [],
        givenUp: chance(0.3) ? [givenUp] : [],
      } as ArgumentsOf<"saveWebhook">;
    },
    rewindWebhook: () => ({ name: webhook(), ...offset() }),
    clearSearchMarks: () => ({ through: one("SELECT mark_id FROM search_marks") }),
    keepSearch: () => ({ on: chance(0.8) }),
    setDiskShare: () => ({ bytes: chance(0.5) ? 0 : int(20_000) }),
    keepTime: () => ({ stepsMs: int(2 * hourMs) - hourMs, lagMs: int(hourMs) }),
  };

  /** The tables refer to users; no door opens a device for one who is not there. */
  function existing(userId: UserId): UserId {
    return userId === 999_999 ? (pick(all("SELECT user_id FROM users")) as UserId) : userId;
  }

  function change(name: ChangeName): NamedChange {
    blobs = [];
    const args = table[name]();
    return [name, JSON.parse(JSON.stringify(args)), blobs];
  }

  return { names: Object.keys(table) as ChangeName[], change };
}
