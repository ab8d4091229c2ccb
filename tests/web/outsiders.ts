/** People who talk with those in the page from other doors: what a backend makes, by REST, and by MQTT. */

import { asBackend, call } from "../rest/client.ts";
import { output } from "../support/processes.ts";
import type { BedServer } from "./bed.ts";

export interface Outsider {
  readonly userID: string;
  /** Its access token, good at each door. */
  readonly token: string;
}

async function jsonOf<Body>(
  answer: { readonly status: number; readonly text: string },
  request: string,
): Promise<Body> {
  if (answer.status >= 300) throw new Error(`${request} answered ${answer.status}: ${answer.text}`);
  return JSON.parse(answer.text) as Body;
}

export async function outsider(server: BedServer, userID: string): Promise<Outsider> {
  const pair = await jsonOf<{ accessToken: string }>(await asBackend(server, "POST /token", { userID }), "POST /token");
  return { userID, token: pair.accessToken };
}

/** @param users a `userID`, or one with the name that others see; `user.<number>` is who registered in the page. */
export async function gather(
  server: BedServer,
  chatID: string,
  chatName: string,
  users: readonly (string | { readonly userID: string; readonly displayName: string })[],
): Promise<void> {
  const request = `PUT /chats/${chatID}/users`;
  await jsonOf(await asBackend(server, request, { users, chatName }), request);
}

/** @returns the id of the message. */
export async function post(
  server: BedServer,
  { token }: Outsider,
  chatID: string,
  content: string,
  replyTo?: string,
): Promise<string> {
  const body = { chatID, content, ...(replyTo === undefined ? {} : { reply_to: replyTo }) };
  const answer = await call(server, "POST /messages", { as: token, body });
  return (await jsonOf<{ message_id: string }>(answer, "POST /messages")).message_id;
}

/** The messages of a chat, the oldest first. */
export async function history(server: BedServer, { token }: Outsider, chatID: string) {
  const answer = await call(server, `GET /chats/${chatID}/messages?limit=100`, { as: token });
  return (await jsonOf<{ messages: { message_id: string; type: string; content: string }[] }>(answer, "GET messages"))
    .messages;
}

export async function react(server: BedServer, { token }: Outsider, messageId: string, reaction: string) {
  const request = `PUT /messages/${messageId}/reactions/${encodeURIComponent(reaction)}`;
  await jsonOf(await call(server, request, { as: token }), request);
}

/** By Mosquitto's program. It ends when the server has the message. */
export async function publish(server: BedServer, { userID, token }: Outsider, chatID: string, text: string) {
  const [host = "", port = ""] = server.mqtt.split(":");
  const who = ["-h", host, "-p", port, "-u", userID, "-P", token];
  await output(["mosquitto_pub", ...who, "-q", "1", "-t", `chat/${chatID}/send`, "-m", text]);
}
