/** Makes the users and chats a scenario needs, over REST with the backend key, and learns the integer ids they were given. */
import { inParallel } from "./mqtt-client.ts";

export interface LoadUser {
  /** The REST `userID`, which is the MQTT user name too. */
  userID: string;
  accessToken: string;
}

export interface Backend {
  /** The HTTP listener's URL without a trailing slash. */
  http: string;
  backendKey: string;
}

const USERS_PER_REQUEST = 100;

/** Makes the users, or logs those that exist in again. */
export async function provisionUsers(backend: Backend, userIDs: string[]): Promise<LoadUser[]> {
  const users: LoadUser[] = [];
  for (let from = 0; from < userIDs.length; from += USERS_PER_REQUEST) {
    const some = userIDs.slice(from, from + USERS_PER_REQUEST);
    const body = some.map((userID) => ({ userID }));
    const pairs = await callBackend(backend, "POST", "/token", body);
    if (!Array.isArray(pairs) || pairs.length !== some.length) throw new Error("POST /token did not answer every user");
    some.forEach((userID, at) => {
      users.push({ userID, accessToken: textField(pairs[at], "accessToken") });
    });
  }
  return users;
}

export async function provisionChat(backend: Backend, chatID: string, userIDs: string[]): Promise<void> {
  await callBackend(backend, "PUT", `/chats/${chatID}/users`, { users: userIDs, chatName: `Load ${chatID}` });
}

export interface ChatPlan {
  publishers: LoadUser[];
  receivers: LoadUser[];
  /** The chat of each stream and the publisher that writes it; a publisher's streams are in the order of its chats. */
  streams: { publisher: number; chatID: string }[];
  chatIDs: string[];
}

/**
 * Publisher p writes to chats p, p + P, p + 2P…, or shares chat p modulo their number where there are fewer chats than
 * publishers. Every receiver is in every chat.
 */
export async function provisionChats(
  backend: Backend,
  { tag, publishers, receivers, chats }: { tag: string; publishers: number; receivers: number; chats: number },
): Promise<ChatPlan> {
  const publisherIDs = Array.from({ length: publishers }, (_, p) => `load-${tag}-p${p}`);
  const receiverIDs = Array.from({ length: receivers }, (_, r) => `load-${tag}-r${r}`);
  const users = await provisionUsers(backend, [...publisherIDs, ...receiverIDs]);
  const chatIDs = Array.from({ length: chats }, (_, chat) => `load-${tag}-c${chat}`);
  const streams: ChatPlan["streams"] = [];
  const members = chatIDs.map((): string[] => []);
  for (let p = 0; p < publishers; p++) {
    for (let chat = p % chats; chat < chats; chat += publishers) {
      streams.push({ publisher: p, chatID: chatIDs[chat] ?? "" });
      members[chat]?.push(publisherIDs[p] ?? "");
    }
  }
  await inParallel(chats, 4, async (chat) => {
    await provisionChat(backend, chatIDs[chat] ?? "", [...(members[chat] ?? []), ...receiverIDs]);
  });
  return { publishers: users.slice(0, publishers), receivers: users.slice(publishers), streams, chatIDs };
}

/**
 * Learns the integer ids that the WebSocket door speaks: each user says hello in a chat, and the chat's history names
 * sender and chat.
 */
export async function learnIds(
  http: string,
  users: { user: LoadUser; chatID: string }[],
): Promise<{ userIds: Map<string, string>; chatIds: Map<string, string> }> {
  const userIds = new Map<string, string>();
  const chatIds = new Map<string, string>();
  await inParallel(users.length, 8, async (at) => {
    const entry = users[at];
    if (entry === undefined) return;
    const { user, chatID } = entry;
    const said = await callParticipant(http, user, "POST", "/messages", { chatID, content: "hello" });
    const seq = Number(field(said, "seq"));
    const history = await callParticipant(http, user, "GET", `/chats/${chatID}/messages?after_seq=${seq - 1}&limit=1`);
    const messages = field(history, "messages");
    const first: unknown = Array.isArray(messages) ? messages[0] : undefined;
    userIds.set(user.userID, textField(first, "sender_id"));
    chatIds.set(chatID, textField(said, "chat_id"));
  });
  return { userIds, chatIds };
}

/** Calls REST as a participant; throws on any status that is not a success. */
export async function callParticipant(
  http: string,
  user: LoadUser,
  method: string,
  path: string,
  body?: unknown,
): Promise<unknown> {
  return call(`${http}${path}`, method, user.accessToken, body);
}

async function callBackend(backend: Backend, method: string, path: string, body: unknown): Promise<unknown> {
  return call(`${backend.http}${path}`, method, backend.backendKey, body);
}

async function call(url: string, method: string, token: string, body: unknown): Promise<unknown> {
  const response = await fetch(url, {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(60_000),
  });
  const text = await response.text();
  if (!response.ok) {
    const detail = response.headers.get("x-error-detail") ?? "";
    throw new Error(`${method} ${new URL(url).pathname} answered ${response.status}: ${text.slice(0, 200)} ${detail}`);
  }
  return text === "" ? undefined : JSON.parse(text);
}

function field(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Reflect.get(value, name);
}

/** A field that must be there, as text. */
export function textField(value: unknown, name: string): string {
  const found = field(value, name);
  if (typeof found !== "string" && typeof found !== "number") {
    throw new Error(`expected ${name} in ${JSON.stringify(value)?.slice(0, 200)}`);
  }
  return String(found);
}
