/** A model without a server: people, chats, 5,000 messages, pictures. For looking at every view at once. */
import { computed, type Signal, signal } from "@preact/signals";
import type { Chat, Done, Draft, Id, Message, Model, Person, Timeline } from "../../src/web/state/model.ts";

const ok = async (): Promise<Done> => ({ ok: true });
/** A fixed moment, so that pictures of the client look alike on each day. */
export const fakeNow = new Date();
fakeNow.setHours(14, 32, 0, 0);
const minutesAgo = (minutes: number): Date => new Date(fakeNow.getTime() - minutes * 60_000);
const meId = "10001";

const names: readonly (readonly [Id, string])[] = [
  [meId, "Mia Kern"],
  ["10002", "Anna Vogel"],
  ["10003", "Tomás Rivera"],
  ["10004", "Yuki Tanaka"],
  ["10005", "Omar Haddad"],
  ["10006", "Lena Brandt"],
  ["10007", "‮evil <script>alert(1)</script>"],
  ["10008", "\u200b\u200d"],
  ["10009", "محمد العلي"],
  ["10010", "Home Assistant"],
];
const stateOf: Readonly<Record<Id, Person["contact"]>> = {
  "10005": "authorization",
  "10006": "request",
  "10007": "banned",
  "10008": "none",
};

const people = signal<ReadonlyMap<Id, Person>>(
  new Map(
    names.map(([userId, name]): [Id, Person] => [
      userId,
      {
        userId,
        name,
        avatar: "",
        kind: userId === "10010" ? "device" : "person",
        contact: userId === meId ? "none" : (stateOf[userId] ?? "friend"),
        ...(userId === "10002"
          ? { presence: { online: true } }
          : userId === "10003"
            ? { presence: { online: false, lastSeen: minutesAgo(95) } }
            : {}),
      },
    ]),
  ),
);

let nextMessageId = 1;
function message(chatId: Id, senderId: Id, time: Date, rest: Partial<Message>): Message {
  const messageId = String(nextMessageId++);
  return {
    key: messageId,
    chatId,
    messageId,
    senderId,
    own: senderId === meId,
    time,
    type: "text",
    mentions: [],
    deleted: false,
    reactions: [],
    ...(senderId === meId ? { delivery: "read" } : {}),
    ...rest,
  };
}

/** A picture of its own: soft hills, drawn as SVG. */
function hills(width: number, height: number): string {
  const drawing = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><defs><linearGradient id="s" x2="0" y2="1"><stop stop-color="#f6c28b"/><stop offset="1" stop-color="#f7e7cf"/></linearGradient></defs><rect width="100%" height="100%" fill="url(#s)"/><circle cx="${width * 0.7}" cy="${height * 0.34}" r="${height * 0.1}" fill="#fff3da"/><path d="M0 ${height * 0.62}C${width * 0.3} ${height * 0.4} ${width * 0.5} ${height * 0.72} ${width} ${height * 0.5}V${height}H0z" fill="#7fa08c"/><path d="M0 ${height * 0.8}C${width * 0.35} ${height * 0.6} ${width * 0.6} ${height * 0.9} ${width} ${height * 0.7}V${height}H0z" fill="#3f6d62"/></svg>`;
  return `data:image/svg+xml,${encodeURIComponent(drawing)}`;
}

function conversation(): Message[] {
  const chatId = "10101";
  const say = (sender: Id, minutes: number, text: string, rest: Partial<Message> = {}) =>
    message(chatId, sender, minutesAgo(minutes), { text, ...rest });
  const list = [
    say("10002", 1_580, "The hut is booked for the long weekend! Arrival Friday evening, keys are with the neighbour."),
    say(meId, 1_575, "You are the best. I will bring the stove and the big pot."),
    say("10003", 1_560, "I can drive. Three seats left, we start at four in the afternoon.", {
      reactions: [
        { reaction: "🚗", count: 2, own: true, userIds: [meId, "10002"] },
        { reaction: "❤️", count: 1, own: false, userIds: ["10004"] },
      ],
    }),
    say("10004", 1_551, "Is there water up there, or do we carry it?"),
    say("10002", 1_549, "There is a spring behind the house. Map: https://example.org/huts/steinalm?from=roost"),
    say("10002", 1_548, "And it is cold at night, so take something warm."),
    say(meId, 620, "Packing list so far:\n– sleeping bags\n– head lamps\n– coffee, a lot of it"),
    say("10003", 611, "@Mia Kern do you still have the small tent?", { mentions: [meId] }),
    say(meId, 600, "Yes, it dries on the balcony.", { edited: minutesAgo(598) }),
    message(chatId, "10004", minutesAgo(92), {
      type: "image/jpeg",
      file: { url: hills(1200, 800), bytes: 183_042, type: "image/jpeg", name: "ridge.jpg", width: 1200, height: 800 },
      reactions: [{ reaction: "😮", count: 3, own: true, userIds: [meId, "10002", "10003"] }],
    }),
    say("10004", 91, "This was the ridge last May."),
    say("10009", 80, "الصورة رائعة! سأحضر القهوة والتمر معي."),
    say(meId, 74, "Then the weekend is saved.", {}),
    say("10003", 55, "Route for the car, with the two stops.", {}),
    message(chatId, "10003", minutesAgo(54), {
      type: "application/pdf",
      file: { url: "/_/files/none", bytes: 2_412_300, type: "application/pdf", name: "Route Friday – two stops.pdf" },
    }),
    say("10002", 40, "", { deleted: true }),
    say(meId, 31, "Perfect, thank you. See you at four on Friday, at the station."),
    say("10002", 12, "One more thing: the neighbour has a dog. It is friendly."),
    say("10004", 9, "Best news of the day."),
    say(meId, 4, "I bring a ball then.", { delivery: "delivered" }),
  ];
  const dog = list.at(-3);
  const reply = list.at(-2);
  if (dog?.messageId !== undefined && reply !== undefined) list[list.length - 2] = { ...reply, replyTo: dog.messageId };
  return list.map((one, index) => ({ ...one, seq: index + 1 }));
}

function long(count: number): Message[] {
  const chatId = "10102";
  const texts = [
    "Short.",
    "A line of a usual length, as people write them all day long.",
    "Two lines of text, where the second one\nis a little longer than the first one was, and wraps on a phone.",
    "https://example.org/a/very/long/address/that/has/to/break/somewhere?with=a&query=too",
  ];
  return Array.from({ length: count }, (_, index) => {
    const sender = ["10003", "10003", meId, "10002"][(index * 7) % 4] ?? meId;
    const picture = index % 40 === 17;
    return message(chatId, sender, minutesAgo((count - index) * 11), {
      seq: index + 1,
      ...(picture
        ? {
            type: "image/png",
            file: { url: hills(900, 600), bytes: 90_000, type: "image/png", width: 900, height: 600 },
          }
        : { text: `${index + 1}. ${texts[(index * 13) % 4]}` }),
    });
  });
}

const unsent = (key: string, { messageId: _messageId, ...rest }: Message): Message => ({ ...rest, key });

function hostile(): Message[] {
  const chatId = "10103";
  const texts = [
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "javascript:alert(1) data:text/html,x http://user:pass@example.org/ https://example.org/ok).",
    "\u202eright to left override \u2066 and an isolate that is not closed",
    `${"long word without a break ".repeat(3)}${"W".repeat(400)}`,
    "x ".repeat(500_000),
  ];
  return [
    ...texts.map((text, index) => message(chatId, "10007", minutesAgo(60 - index), { text, seq: index + 1 })),
    message(chatId, "10008", minutesAgo(50), { type: "application/x-unheard-of", seq: 6 }),
    message(chatId, "10007", minutesAgo(49), {
      type: "image/png",
      seq: 7,
      file: { url: hills(50_000, 1), bytes: 900, type: "image/png", width: 50_000, height: 1 },
    }),
    message(chatId, meId, minutesAgo(3), {
      text: "Refused, with a reason",
      delivery: "refused",
      refusal: "Chat not found",
      seq: 8,
    }),
    unsent("w1", message(chatId, meId, minutesAgo(2), { text: "Waits", delivery: "waiting" })),
    unsent(
      "w2",
      message(chatId, meId, minutesAgo(1), {
        type: "video/mp4",
        delivery: "sending",
        progress: 0.4,
        file: { url: "", bytes: 10_485_760, type: "application/octet-stream", name: "film.mkv" },
      }),
    ),
  ];
}

export interface FakeModel extends Model {
  readonly stage: Signal<"starting" | "out" | "in">;
  readonly line: Signal<"connecting" | "online" | "offline">;
  readonly retryAt: Signal<Date | undefined>;
  readonly why: Signal<string | undefined>;
  readonly server: Signal<Model["server"]["value"]>;
  readonly chats: Signal<readonly Chat[]>;
  readonly contacts: Signal<readonly Person[]>;
  readonly storageFull: Signal<boolean>;
  /** As if another user wrote. */
  receive(chatId: Id, text: string): void;
}

/** A window over a list, as the real timeline has one: 50 more at a time, at most 200. */
function timelineOf(chatId: Id, all: Signal<readonly Message[]>, firstUnread: number | undefined): Timeline {
  const most = 200;
  const page = 50;
  const from = signal(Math.max(0, all.peek().length - page));
  const to = signal(Infinity);
  const loading = signal<Timeline["loading"]["value"]>(undefined);
  const moved = async (kind: "older" | "newer" | "jump", act: () => void) => {
    if (loading.peek() !== undefined) return;
    loading.value = kind;
    await new Promise((resolve) => setTimeout(resolve, 20));
    act();
    loading.value = undefined;
  };
  const toIndex = (index: number) => {
    from.value = Math.max(0, index - page);
    to.value = index + page >= all.peek().length ? Infinity : index + page;
  };
  return {
    chatId,
    messages: computed(() => all.value.slice(from.value, to.value)),
    atOldest: computed(() => from.value === 0),
    atNewest: computed(() => to.value >= all.value.length),
    loading,
    firstUnreadSeq: signal(firstUnread),
    older: () =>
      moved("older", () => {
        from.value = Math.max(0, from.peek() - page);
        if (Math.min(to.peek(), all.peek().length) - from.peek() > most) to.value = from.peek() + most;
      }),
    newer: () =>
      moved("newer", () => {
        const next = to.peek() + page;
        to.value = next >= all.peek().length ? Infinity : next;
        from.value = Math.max(from.peek(), Math.min(next, all.peek().length) - most);
      }),
    toNewest: () => moved("jump", () => toIndex(all.peek().length)),
    toSeq: (seq) => moved("jump", () => toIndex(seq - 1)),
    toDate: (date) =>
      moved("jump", () =>
        toIndex(
          Math.max(
            0,
            all.peek().findIndex(({ time }) => time >= date),
          ),
        ),
      ),
    readUpTo: () => undefined,
  };
}

export function createFakeModel(): FakeModel {
  const logs = new Map<Id, Signal<readonly Message[]>>([
    ["10101", signal<readonly Message[]>(conversation())],
    ["10102", signal<readonly Message[]>(long(5_000))],
    ["10103", signal<readonly Message[]>(hostile())],
    ["10104", signal<readonly Message[]>([])],
  ]);
  const logOf = (chatId: Id): Signal<readonly Message[]> => {
    const log = logs.get(chatId) ?? signal<readonly Message[]>([]);
    logs.set(chatId, log);
    return log;
  };
  const chat = (chatId: Id, name: string, rest: Partial<Chat>): Chat => {
    const last = logOf(chatId).peek().at(-1);
    return {
      chatId,
      kind: "direct",
      name,
      avatar: "",
      unread: 0,
      mentioned: false,
      readSeq: 0,
      lastSeq: logOf(chatId).peek().length,
      typing: [],
      ...(last === undefined ? {} : { last }),
      ...rest,
    };
  };
  const other = (chatId: Id, sender: Id, minutes: number, text: string) =>
    (logOf(chatId).value = [message(chatId, sender, minutesAgo(minutes), { text, seq: 1 })]);
  other("10105", "10002", 2, "Did you see the photo of the ridge?");
  other("10106", "10005", 190, "The meeting moved to Thursday, half past nine.");
  other("10107", "10010", 60 * 26, "Front door opened at 08:14.");
  other("10108", "10009", 60 * 50, "شكرا جزيلا!");
  other("10109", meId, 60 * 24 * 4, "Milk, bread, the blue folder");
  other("10110", "10006", 60 * 24 * 20, "I send you the contract next week.");
  const chats = signal<readonly Chat[]>([
    chat("10105", "Anna Vogel", { peerId: "10002", unread: 2 }),
    chat("10101", "Steinalm weekend", {
      kind: "group",
      ownerId: meId,
      memberIds: [meId, "10002", "10003", "10004", "10009"],
      typing: [],
    }),
    chat("10103", "‮evil <script>alert(1)</script>", { peerId: "10007" }),
    chat("10106", "Orchestra board", { kind: "group", unread: 14, mentioned: true, memberIds: [meId, "10005"] }),
    chat("10102", "Tomás Rivera", { peerId: "10003", typing: ["10003"] }),
    chat("10107", "House", {
      kind: "group",
      unread: 128,
      mutedUntil: new Date(Date.now() + 4e12),
      memberIds: [meId, "10010"],
    }),
    chat("10108", "محمد العلي", { peerId: "10009" }),
    chat("10109", "Mia Kern", { peerId: meId }),
    chat("10110", "Lena Brandt", { peerId: "10006" }),
    chat("10104", "A group with a name that is much longer than any row of a list has room for", {
      kind: "group",
      memberIds: [meId],
      ownerId: meId,
    }),
  ]);
  const open = signal<Timeline | undefined>(undefined);
  const me = computed(() => {
    const person = people.value.get(meId);
    return person === undefined ? undefined : { ...person, loginName: "mia.k" };
  });
  const change = (messageId: Id, how: (message: Message) => Message) => {
    for (const log of logs.values()) {
      const at = log.peek().findIndex((one) => one.messageId === messageId);
      const found = log.peek()[at];
      if (found !== undefined) log.value = log.peek().with(at, how(found));
    }
  };
  const add = (added: Message) => {
    const log = logOf(added.chatId);
    log.value = [...log.peek(), { ...added, seq: log.peek().length + 1 }];
    chats.value = chats.peek().map((one) => (one.chatId === added.chatId ? { ...one, last: added } : one));
  };
  return {
    stage: signal<"starting" | "out" | "in">("in"),
    why: signal<string | undefined>(undefined),
    line: signal<"connecting" | "online" | "offline">("online"),
    retryAt: signal<Date | undefined>(undefined),
    server: signal<Model["server"]["value"]>({
      name: "Roost",
      version: "0.2.0",
      registration: "open",
      invites: "users",
      passwordLengthMin: 8,
      fileBytesMax: 16_777_216,
      messageBytesMax: 1_048_576,
      secure: false,
    }),
    me,
    chats,
    people,
    contacts: signal(
      [...people.peek().values()].filter(({ userId, contact }) => userId !== meId && contact !== "none"),
    ),
    open,
    unreadTotal: computed(() => chats.value.reduce((sum, { unread }) => sum + unread, 0)),
    unsent: signal(2),
    storageFull: signal(false),
    notices: signal<"off">("off"),
    presence: signal<"friends">("friends"),
    receipts: signal<"all">("all"),
    register: ok,
    logIn: async () => ({ ok: false, reason: "Incorrect password" }),
    logInByLink: ok,
    logOut: async () => undefined,
    openChat(chatId) {
      open.value =
        chatId === undefined ? undefined : timelineOf(chatId, logOf(chatId), chatId === "10101" ? 18 : undefined);
    },
    openDirect(userId) {
      open.value = timelineOf(userId, logOf(userId), undefined);
    },
    async send(chatId, { text, file, replyTo, mentions = [] }: Draft) {
      add(
        message(chatId, meId, new Date(), {
          delivery: "stored",
          mentions,
          ...(text === undefined ? {} : { text }),
          ...(replyTo === undefined ? {} : { replyTo }),
          ...(file === undefined
            ? {}
            : {
                type: file.type,
                file: { url: URL.createObjectURL(file), bytes: file.size, type: file.type, name: file.name },
              }),
        }),
      );
    },
    receive(chatId, text) {
      add(message(chatId, "10002", new Date(), { text }));
    },
    sendAgain: () => undefined,
    drop: () => undefined,
    async edit(messageId, text) {
      change(messageId, (one) => ({ ...one, text, edited: new Date() }));
      return { ok: true };
    },
    async remove(messageId) {
      change(messageId, ({ text: _text, file: _file, ...one }) => ({ ...one, deleted: true, reactions: [] }));
      return { ok: true };
    },
    async react(messageId, reaction, on) {
      change(messageId, (one) => ({
        ...one,
        reactions: [
          ...one.reactions.filter((other) => other.reaction !== reaction),
          ...(on ? [{ reaction, count: 1, own: true, userIds: [meId] }] : []),
        ],
      }));
      return { ok: true };
    },
    typing: () => undefined,
    createGroup: async () => ({ ok: true, chatId: "10104" }),
    rename: ok,
    setChatPicture: ok,
    addMembers: ok,
    removeMember: ok,
    leave: ok,
    mute: ok,
    async members(chatId) {
      const ids = chats.peek().find((one) => one.chatId === chatId)?.memberIds ?? [];
      return ids.flatMap((userId) => people.peek().get(userId) ?? []);
    },
    findPeople: async (query) =>
      [...people.peek().values()].filter(({ name }) => name.toLowerCase().includes(query.toLowerCase())),
    ask: ok,
    confirm: ok,
    revoke: ok,
    block: ok,
    async search(query) {
      const found = [...logs.values()].flatMap((log) => log.peek().filter(({ text }) => text?.includes(query)));
      return { messages: found.slice(-20).reverse(), next: "20" };
    },
    setNick: ok,
    setPicture: ok,
    setLoginName: ok,
    setPassword: async () => ({ ok: false, reason: "Incorrect password" }),
    forgotPassword: ok,
    resetPassword: ok,
    setPresence: ok,
    setReceipts: ok,
    sessions: async () => [
      {
        id: "1",
        kind: "token",
        door: "minioicq",
        name: "Firefox on Linux",
        address: "192.168.1.20",
        online: true,
        own: true,
      },
      {
        id: "2",
        kind: "token",
        door: "minioicq",
        name: "Phone",
        address: "192.168.1.31",
        online: false,
        own: false,
        lastSeen: minutesAgo(300),
      },
      { id: "3", kind: "connection", door: "mqtt", name: "kitchen-display", online: true, own: false },
    ],
    endSession: ok,
    linkDevice: async () => ({
      link: "rk_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG",
      expires: new Date(Date.now() + 120_000),
    }),
    createInvite: async () => ({
      invite: "ri_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG",
      expires: new Date(Date.now() + 6e8),
    }),
    exportAccount: ok,
    deleteAccount: async () => ({ ok: false, reason: "Incorrect password" }),
    askForNotices: async () => undefined,
    noticesOff: () => undefined,
  };
}
