/** Participants who sign: what the documented client does, with Node's crypto. */

import { expect } from "bun:test";
import { createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from "node:crypto";
import { type Answer, asBackend, call, type RunningServer } from "./client.ts";

export interface Signer {
  readonly userID: string;
  readonly token: string;
  readonly key: KeyObject;
  /** The user's; a device's is looked up where a test needs it. */
  readonly guid: string;
}

/** Keys take a while to make, and who has one is no matter: so many in turn. */
const pool = Array.from({ length: 4 }, () => generateKeyPairSync("rsa", { modulusLength: 2048 }));
let taken = 0;

export function keyPair() {
  taken += 1;
  const pair = pool[taken % pool.length];
  if (pair === undefined) throw new Error("there are keys");
  return pair;
}

/** Participants with keys in a chat, in order. */
export async function signers(server: RunningServer, chatID: string, ...userIDs: string[]): Promise<Signer[]> {
  const pairs = userIDs.map(keyPair);
  const made = await asBackend(
    server,
    "POST /token",
    userIDs.map((userID, at) => ({ userID, userKey: pairs[at]?.publicKey.export({ type: "spki", format: "pem" }) })),
  );
  expect([made.status, made.text.slice(0, 2)]).toEqual([201, "[{"]);
  const put = await asBackend(server, `PUT /chats/${chatID}/users`, { users: userIDs });
  const { GUIDList } = JSON.parse(put.text) as { GUIDList: string[] };
  return (JSON.parse(made.text) as { accessToken: string }[]).map(({ accessToken }, at) => {
    const pair = pairs[at];
    if (pair === undefined) throw new Error("a pair each");
    return { userID: userIDs[at] ?? "", token: accessToken, key: pair.privateKey, guid: GUIDList[at] ?? "" };
  });
}

export const signatureOf = (key: KeyObject, text: string): string =>
  sign("sha256", Buffer.from(text), key).toString("hex");

export interface OutgoingMessage {
  readonly chatID: string;
  readonly clientHash: string;
  readonly timestamp?: string;
  /** Recipient → text. */
  readonly to: Readonly<Record<string, string>>;
}

export function outgoing(
  messages: readonly OutgoingMessage[],
  statuses: readonly { messageID: string; clientHash: string; messageStatus: string }[] = [],
) {
  const timestamp = String(Date.now());
  return {
    timestamp,
    messages: messages.map(({ to, ...message }) => ({
      timestamp,
      ...message,
      messageBlock: Object.entries(to).map(([recipient, messageText]) => ({ messageText, recipient })),
    })),
    ...(statuses.length === 0 ? {} : { statuses }),
  };
}

/** POST /messages, signed as the document says. */
export function post(server: RunningServer, { token, key }: Signer, events: unknown): Promise<Answer> {
  const text = JSON.stringify(events);
  return call(server, "POST /messages", {
    headers: { Authorization: token },
    body: `{"outgoingEvents":${text},"sign":"${signatureOf(key, text)}"}`,
  });
}

/** Sends one message; gives its id. */
export async function send(server: RunningServer, from: Signer, message: OutgoingMessage): Promise<string> {
  const answer = await post(server, from, outgoing([message]));
  expect([answer.status, answer.text.slice(0, 23)]).toEqual([200, '{"outgoingEventsResult"']);
  return JSON.parse(answer.text).outgoingEventsResult.messages[0].messageID;
}

let statusCount = 0;

/** Confirms messages and events. */
export async function confirm(
  server: RunningServer,
  by: Signer,
  messageStatus: "delivered" | "read",
  ...ids: string[]
): Promise<void> {
  const statuses = ids.map((messageID) => ({ messageID, clientHash: `s${++statusCount}`, messageStatus }));
  const answer = await post(server, by, outgoing([], statuses));
  expect([answer.status, JSON.parse(answer.text).outgoingEventsResult]).toEqual([
    200,
    { messages: [], statuses: statuses.map(({ clientHash }) => clientHash) },
  ]);
}

export interface Incoming {
  readonly timestamp: string;
  readonly messages?: {
    readonly messageID: string;
    readonly sender: string;
    readonly messageText: string;
    readonly serverTime: string;
    readonly chatID: string;
    readonly recipientList: string[];
  }[];
  readonly statuses?: {
    readonly type: string;
    readonly messageID: string;
    readonly messageIDStatus: string;
    readonly recipient: string;
  }[];
  readonly info?: {
    readonly messageID: string;
    readonly subType: string;
    readonly chatID: string;
    readonly messageGUIDList: { readonly GUID: string; readonly userID: string; readonly displayName: string }[];
  }[];
}

/** GET /messages, signed; the answer is verified against the server's key. */
export async function fetchSigned(server: RunningServer, { token, key }: Signer, query = ""): Promise<Incoming> {
  const timestamp = String(Date.now());
  const sign = signatureOf(key, timestamp);
  const answer = await call(server, `GET /messages?timestamp=${timestamp}&sign=${sign}${query}`, {
    headers: { Authorization: token },
  });
  expect([answer.status, answer.type]).toEqual([200, "application/json"]);
  const { incomingEvents, sign: replySign } = JSON.parse(answer.text);
  const text = JSON.stringify(incomingEvents);
  expect(answer.text).toBe(`{"incomingEvents":${text},"sign":"${replySign}"}`);
  expect(await isFromServer(server, text, replySign)).toBe(true);
  return incomingEvents;
}

export const textsOf = ({ messages = [] }: Incoming): string[] => messages.map(({ messageText }) => messageText);

/** Whether a reply's `sign` is the server's over this text (R35). */
export async function isFromServer(server: RunningServer, text: string, replySign: string): Promise<boolean> {
  const { publicKey, algorithm } = JSON.parse((await call(server, "GET /publicKey")).text);
  expect(algorithm).toBe("RSA-SHA256");
  expect(publicKey).toMatch(/^[0-9A-F]+$/);
  expect(replySign).toMatch(/^[0-9a-f]+$/);
  const spki = createPublicKey({ key: Buffer.from(publicKey, "hex"), format: "der", type: "spki" });
  return verify("sha256", Buffer.from(text), spki, Buffer.from(replySign, "hex"));
}
