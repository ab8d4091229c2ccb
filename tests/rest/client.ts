/** A client as small as the API allows: one call, its answer as text, so that bodies are compared to the byte. */
import { connect } from "node:net";

export const prefixes = ["", "/backend", "/public", "/api/v3", "/api/v3/backend", "/api/v3/public"] as const;

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly type: string | null;
  readonly headers: Headers;
}

export interface CallOptions {
  /** Sent as `Authorization: Bearer …`. */
  readonly as?: string | undefined;
  readonly headers?: Record<string, string>;
  /** Sent as JSON; a string and a stream are sent as they are. */
  readonly body?: unknown;
}

export interface RunningServer {
  readonly http: string;
  readonly backendKey: string;
}

export async function call(server: RunningServer, request: string, options: CallOptions = {}): Promise<Answer> {
  const space = request.indexOf(" ");
  const headers: Record<string, string> = { ...options.headers };
  if (options.as !== undefined) headers["Authorization"] = `Bearer ${options.as}`;
  const { body } = options;
  const response = await fetch(`http://${server.http}${request.slice(space + 1)}`, {
    method: request.slice(0, space),
    headers,
    ...(body === undefined ? {} : { body: isSentAsIs(body) ? body : JSON.stringify(body) }),
  });
  return {
    status: response.status,
    text: await response.text(),
    type: response.headers.get("content-type"),
    headers: response.headers,
  };
}

const isSentAsIs = (body: unknown): body is string | ReadableStream =>
  typeof body === "string" || body instanceof ReadableStream;

/** Calls as the backend. */
export const asBackend = (server: RunningServer, request: string, body?: unknown): Promise<Answer> =>
  call(server, request, { as: server.backendKey, body });

/** Makes participants and gives their access tokens, in order. */
export async function enroll(server: RunningServer, ...userIDs: string[]): Promise<string[]> {
  const answer = await asBackend(
    server,
    "POST /token",
    userIDs.map((userID) => ({ userID })),
  );
  if (answer.status !== 201) throw new Error(`POST /token answered ${answer.status}: ${answer.text}`);
  return (JSON.parse(answer.text) as { accessToken: string }[]).map(({ accessToken }) => accessToken);
}

/** A chat of these users, the first one its owner. */
export async function room(server: RunningServer, chatID: string, ...users: string[]): Promise<string[]> {
  const answer = await asBackend(server, `PUT /chats/${chatID}/users`, { users });
  if (answer.status !== 200) throw new Error(`PUT users answered ${answer.status}: ${answer.text}`);
  return (JSON.parse(answer.text) as { GUIDList: string[] }).GUIDList;
}

export async function say(server: RunningServer, token: string, chatID: string, content: string): Promise<Answer> {
  const answer = await call(server, "POST /messages", { as: token, body: { chatID, content } });
  if (answer.status !== 200) throw new Error(`POST /messages answered ${answer.status}: ${answer.text}`);
  return answer;
}

export interface Inbox {
  readonly messages: {
    readonly message_id: string;
    readonly content: string;
    readonly chatID: string;
    readonly sender: string;
  }[];
  readonly events: { readonly event_id: string; readonly type: string; readonly chatID: string }[];
  readonly next: string;
}

export async function inboxOf(server: RunningServer, token: string, query = ""): Promise<Inbox> {
  const answer = await call(server, `GET /messages?format=simple${query}`, { as: token });
  if (answer.status !== 200) throw new Error(`GET /messages answered ${answer.status}: ${answer.text}`);
  return JSON.parse(answer.text) as Inbox;
}

/** Writes bytes fetch would not, and gives back all that comes until `until` has been seen or the server closes. */
export function raw(
  server: RunningServer,
  bytes: string | Uint8Array,
  until = /\r\n\r\n[\s\S]*\}/,
  quietMs = 10_000,
): Promise<string> {
  const { hostname, port } = new URL(`http://${server.http}`);
  return new Promise((resolve, reject) => {
    let text = "";
    const socket = connect(Number(port), hostname, () => void socket.write(bytes));
    socket.setTimeout(quietMs, () => {
      socket.destroy();
      reject(new Error(`no answer; got ${JSON.stringify(text)}`));
    });
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      if (until.test(text)) socket.destroy();
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(text));
  });
}

/** Two users in a chat called `team`, by their tokens. */
export async function people(server: RunningServer): Promise<{ alice: string; bob: string }> {
  const [alice = "", bob = ""] = await enroll(server, "alice", "bob");
  await room(server, "team", "alice", "bob");
  return { alice, bob };
}
