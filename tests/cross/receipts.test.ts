/**
 * Receipts across the doors: whichever door the sender and the recipient use, the sender hears once that a burst was delivered
 * and once that it was read.
 */
import { expect, test } from "bun:test";
import mqtt, { type MqttClient } from "mqtt";
import { type Action, MiniClient, messagesOf } from "../minioicq/client.ts";
import { call, enroll, inboxOf, room, say } from "../rest/client.ts";
import { until } from "../support/deadline.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

const doors = ["MQTT", "MiniOICQ", "REST"] as const;
type Door = (typeof doors)[number];

/** A chat by the names that the doors have for it, for the one who uses them. */
interface Place {
  readonly chatId: string;
  readonly chatID: string;
}

/** One receipt as a sender's door told it. REST tells each direction by itself. */
interface Told {
  readonly chatId: string;
  readonly userId: string;
  readonly delivered?: number;
  readonly read?: number;
}

/** A client of one user at one door, which confirms what it gets as clients of that door do. */
interface Client extends AsyncDisposable {
  readonly told: readonly Told[];
  /** The messages of others that it got. */
  readonly got: readonly string[];
  /** All at once. */
  send(place: Place, contents: readonly string[]): Promise<void>;
  read(place: Place, seq: number): Promise<void>;
}

interface Login {
  readonly userID: string;
  readonly token: string;
}

const toldOf = (list: readonly Readonly<Record<string, unknown>>[]): Told[] =>
  list.map((one) => ({
    chatId: String(one["chat_id"]),
    userId: String(one["user_id"]),
    delivered: Number(one["delivered"]),
    read: Number(one["read"]),
  }));

async function byMqtt(server: TestServer, { userID, token }: Login): Promise<Client> {
  const client: MqttClient = await mqtt.connectAsync(`mqtt://${server.mqtt}`, {
    username: userID,
    password: token,
    reconnectPeriod: 0,
  });
  const told: Told[] = [];
  const got: string[] = [];
  client.on("message", (topic, payload) => {
    const value = JSON.parse(String(payload));
    if (topic.endsWith("/receipts")) told.push(...toldOf(value));
    else if (value.sender !== userID) got.push(value.content);
  });
  // The PUBACK says that a message was delivered.
  await client.subscribeAsync(["chat/+/messages", "chat/+/receipts"], { qos: 1 });
  const say = (topic: string, payload: string) => client.publishAsync(topic, payload, { qos: 1 });
  return {
    told,
    got,
    send: async ({ chatID }, contents) => {
      await Promise.all(contents.map((content) => say(`chat/${chatID}/send`, content)));
    },
    read: async ({ chatID }, seq) => {
      await say(`chat/${chatID}/receipts`, JSON.stringify({ read: seq }));
    },
    [Symbol.asyncDispose]: () => client.endAsync(true),
  };
}

async function byMiniOicq(server: TestServer, { token }: Login): Promise<Client> {
  const client = await MiniClient.connect(server.http, "msgpack", { receipts: true });
  const answer = await client.ask({ action: "auth.login", token, extensions: true, ack: true });
  if (answer.action !== "auth.login.success") throw new Error(`not logged in: ${JSON.stringify(answer)}`);
  const own = String(answer["user_id"]);
  await client.fence();
  const told: Told[] = [];
  const got: string[] = [];
  const answers: Action[] = [];
  let ownPushed = 0;
  client.handOver((frame) => {
    if (frame.action === "receipt.push") told.push(...toldOf(frame["receipts"] as Readonly<Record<string, unknown>>[]));
    else if (frame.action === "message.push") {
      const messages = messagesOf(frame);
      client.say({ action: "message.push.ack", message_ids: messages.map(({ message_id: id }) => id) });
      for (const { content, sender_id: sender } of messages) {
        if (String(sender) === own) ownPushed += 1;
        else got.push(content);
      }
    } else answers.push(frame);
  });
  return {
    told,
    got,
    send: async ({ chatId }, contents) => {
      const before = ownPushed;
      for (const content of contents) client.send(chatId, content);
      await until("the sender's own pushes", () => ownPushed === before + contents.length);
    },
    read: async ({ chatId }, seq) => {
      client.say({ action: "message.read", chat_id: chatId, seq });
      await until("message.read.success", () => answers.some(({ action }) => action === "message.read.success"));
      answers.length = 0;
    },
    [Symbol.asyncDispose]: () => client.bye(),
  };
}

async function byRest(server: TestServer, { token }: Login): Promise<Client> {
  const told: Told[] = [];
  const got: string[] = [];
  const ending = new AbortController();
  let { next } = await inboxOf(server, token, "&receipts=true");
  const confirm = async (body: object) => {
    const answer = await call(server, "POST /messages", { as: token, body });
    if (answer.status !== 200) throw new Error(`POST /messages answered ${answer.status}: ${answer.text}`);
  };
  const polling = (async () => {
    while (!ending.signal.aborted) {
      const query = `format=simple&receipts=true&limit=100&wait=30&after=${next}`;
      const response = await fetch(`http://${server.http}/messages?${query}`, {
        headers: { Authorization: `Bearer ${token}` },
        signal: ending.signal,
      });
      const page = (await response.json()) as Awaited<ReturnType<typeof inboxOf>> & {
        events: { chat_id: string; type: "delivered" | "read"; through: number; users: { user_id: string }[] }[];
      };
      next = page.next;
      for (const { chat_id: chatId, type, through, users } of page.events) {
        if (through !== undefined) told.push({ chatId, userId: users[0]?.user_id ?? "", [type]: through });
      }
      got.push(...page.messages.map(({ content }) => content));
      const statuses = page.messages.map(({ message_id: messageID }) => ({ messageID, messageStatus: "delivered" }));
      if (statuses.length > 0) await confirm({ statuses });
    }
  })().catch((error: unknown) => {
    if (!ending.signal.aborted) throw error;
  });
  await until("a request that waits", () => server.hub.size().sinks > 0);
  return {
    told,
    got,
    send: async ({ chatID }, contents) => confirm(contents.map((content) => ({ chatID, content }))),
    read: ({ chatID }, through) => confirm({ statuses: [{ chatID, through, messageStatus: "read" }] }),
    async [Symbol.asyncDispose]() {
      ending.abort();
      await polling;
    },
  };
}

const connectBy = { MQTT: byMqtt, MiniOICQ: byMiniOicq, REST: byRest } as const;

async function userIdOf(server: TestServer, userID: string): Promise<string> {
  return String((await server.store.findUserByKey(userID))?.userId);
}

async function chatIdOf(server: TestServer, key: string): Promise<string> {
  return String((await server.store.findChat({ key }))?.chatId);
}

/** What a sender was told of one user in one chat, each receipt by what is new in it: the user had all up to `before`. */
function newsOf(told: readonly Told[], chatId: string, userId: string, before = 0): string[] {
  let [delivered, read] = [before, before];
  return told
    .filter((one) => one.chatId === chatId && one.userId === userId)
    .map((one) => {
      const news = [
        ...((one.delivered ?? delivered) > delivered ? [`delivered ${one.delivered}`] : []),
        ...((one.read ?? read) > read ? [`read ${one.read}`] : []),
      ];
      delivered = one.delivered ?? delivered;
      read = one.read ?? read;
      return news.join(", ") || "nothing new";
    });
}

const burst = 3;
/** What was confirmed is gathered, and a burst may lie across the end of a gathering: then another one is sent. */
const burstsMax = 5;

/** Sends bursts until one of them was told of once for each recipient. Gives the places of its first and last message. */
async function sendBurst(
  from: Client,
  place: Place,
  recipients: readonly { readonly client: Client; readonly news: () => readonly string[] }[],
  sent: number,
): Promise<{ first: number; last: number }> {
  for (let bursts = 0; bursts < burstsMax; bursts += 1) {
    const before = recipients.map(({ client }) => client.got.length);
    const first = sent + 1 + bursts * burst;
    const last = first + burst - 1;
    const seqs = Array.from({ length: burst }, (_, at) => first + at);
    const contents = seqs.map((seq) => `message ${seq}`);
    await from.send(place, contents);
    await until(`delivered ${last}`, () => recipients.every(({ news }) => news().includes(`delivered ${last}`)));
    expect(recipients.map(({ client }, at) => client.got.slice(before[at]))).toEqual(recipients.map(() => contents));
    const isOne = ({ news }: { news: () => readonly string[] }): boolean =>
      seqs.every((seq) => seq === last || !news().includes(`delivered ${seq}`));
    if (recipients.every(isOne)) return { first, last };
  }
  throw new Error("no burst was told of once");
}

const pairs = doors.flatMap((sender) => doors.map((recipient) => [sender, recipient] as const));

test.each(pairs)(
  "sender at %s, recipient at %s: one receipt that a burst was delivered, one that it was read",
  async (by, to) => {
    await using server = await startTestServer();
    const [anna = "", ben = ""] = await enroll(server, "anna", "ben");
    const [annaId, benId] = [await userIdOf(server, "anna"), await userIdOf(server, "ben")];
    await room(server, "team", "anna", "ben");
    await using sender = await connectBy[by](server, { userID: "anna", token: anna });
    await using recipient = await connectBy[to](server, { userID: "ben", token: ben });
    const [low, high] = [Number(annaId), Number(benId)].toSorted((a, b) => a - b);
    // A direct chat is there from its first message on.
    await say(server, anna, `user.${benId}`, "message 1");
    const direct = `direct.${low}.${high}`;
    for (const [chatID, count] of [
      [direct, 1],
      ["team", 0],
    ] as const) {
      const chatId = await chatIdOf(server, chatID);
      const place: Place = { chatId, chatID };
      const news = () => newsOf(sender.told, chatId, benId);
      if (count > 0) await until("the first message is told of", () => news().includes(`delivered ${count}`));
      const { first, last } = await sendBurst(sender, place, [{ client: recipient, news }], count);
      await recipient.read(place, first);
      await until(`read ${first}`, () => news().includes(`read ${first}`));
      await recipient.read(place, last);
      await until(`read ${last}`, () => news().includes(`read ${last}`));
      expect(news().slice(-3)).toEqual([`delivered ${last}`, `read ${first}`, `read ${last}`]);
      expect(news()).not.toContain("nothing new");
      expect(newsOf(sender.told, chatId, annaId)).toEqual([]);
    }
    expect(recipient.told.filter(({ userId }) => userId === annaId)).toEqual([]);
  },
);

test("a group at all doors: each sender's door tells once of each recipient that they got it, and once that they read it", async () => {
  await using server = await startTestServer();
  const names = doors.flatMap((door) => [`from-${door}`, `to-${door}`]);
  const tokens = await enroll(server, ...names);
  await room(server, "team", ...names);
  const loginOf = (name: string): Login => ({ userID: name, token: tokens[names.indexOf(name)] ?? "" });
  await using stack = new AsyncDisposableStack();
  const recipients = new Map<Door, Client>();
  for (const door of doors) recipients.set(door, stack.use(await connectBy[door](server, loginOf(`to-${door}`))));
  const ids = await Promise.all(doors.map((door) => userIdOf(server, `to-${door}`)));
  const chatId = await chatIdOf(server, "team");
  const place: Place = { chatId, chatID: "team" };
  let sent = 0;
  for (const door of doors) {
    await using sender = await connectBy[door](server, loginOf(`from-${door}`));
    const before = sent;
    const news = (id: string) => newsOf(sender.told, chatId, id, before);
    const hearing = [...recipients.values()].map((client, at) => ({ client, news: () => news(ids[at] ?? "") }));
    const { last } = await sendBurst(sender, place, hearing, sent);
    sent = last;
    for (const client of recipients.values()) await client.read(place, last);
    await until(`all read ${last}`, () => ids.every((id) => news(id).includes(`read ${last}`)));
    for (const id of ids) expect(news(id).slice(-2)).toEqual([`delivered ${last}`, `read ${last}`]);
  }
});
