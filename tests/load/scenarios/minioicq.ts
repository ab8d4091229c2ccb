/** The WebSocket door: stored messages whose own push is the acknowledgement, and idle connections. */
import { Flow, type Publisher } from "../flow.ts";
import { actionOf, MinioicqClient } from "../minioicq-client.ts";
import { decodeFrame } from "../minioicq-wire.ts";
import { inParallel } from "../mqtt-client.ts";
import type { LoadOptions } from "../options.ts";
import { type ChatPlan, type LoadUser, learnIds, provisionChat, provisionUsers } from "../provision.ts";
import { type Report, reportOf } from "../report.ts";
import { findTextStamp, readHex, stampText, TEXT_STAMP_BYTES, textTemplate, writeHex } from "../stamp.ts";
import { backendOf, chatLoadInWords, planOf } from "./chat-mqtt.ts";
import { holdConnections, type Progress } from "./mqtt.ts";

/** What a client may have waiting in its socket before it stops sending. */
const BUFFERED_BYTES_MAX = 256 * 1024;
const CONNECTIONS_PER_USER = 50;

export async function runChatMinioicq(options: LoadOptions, progress: Progress): Promise<Report> {
  progress?.("making users and chats");
  const plan = await planOf(options);
  const { userIds, chatIds } = await learnIds(options.http, oneChatEach(plan));
  const url = `${options.http.replace(/^http/, "ws")}/ws`;
  const logIn = async (user: LoadUser | undefined): Promise<MinioicqClient> => {
    if (user === undefined) throw new Error("more connections than users");
    const client = await MinioicqClient.connect(url, options.encoding);
    const user_id = userIds.get(user.userID) ?? "";
    await client.ask({ action: "auth.login", user_id, token: user.accessToken }, ["auth.login.success"]);
    return client;
  };
  let flow: Flow | undefined;
  const watch = (client: MinioicqClient, who: string, got: (stream: number, seq: number, sentUs: number) => void) => {
    client.onClosed = (problem) => flow?.problem(`${who}: ${problem.message}`);
    let guess = -1;
    client.onFrame = (bytes, isText) => {
      let found = 0;
      for (let at = findTextStamp(bytes, 0, guess); at >= 0; at = findTextStamp(bytes, at + TEXT_STAMP_BYTES, -1)) {
        if (found++ === 0) guess = at;
        got(readHex(bytes, at + 4), readHex(bytes, at + 12), readHex(bytes, at + 20));
      }
      if (found > 0) return;
      const action = actionOf(decodeFrame(isText ? bytes.toString("utf8") : bytes));
      if (action.endsWith(".fail")) flow?.problem(`${who} was told ${action}`);
    };
  };

  const receivers = await inParallel(options.receivers, 8, async (r) => {
    const client = await logIn(plan.receivers[r]);
    watch(client, `receiver ${r}`, (stream, seq, sentUs) => {
      flow?.delivered(r, stream, seq, sentUs, client.receivedUs);
    });
    return client;
  });
  const publishers = await inParallel(options.connections, 16, async (p) => {
    const client = await logIn(plan.publishers[p]);
    watch(client, `publisher ${p}`, (stream, _seq, sentUs) => {
      // Publishers that share a chat see each other's messages; only one's own is an acknowledgement.
      if (plan.streams[stream]?.publisher === p) flow?.acked(p, sentUs, client.receivedUs);
    });
    const streams = plan.streams.flatMap(({ publisher, chatID }, stream) =>
      publisher === p ? [{ stream, chatId: chatIds.get(chatID) ?? "" }] : [],
    );
    return new MinioicqPublisher(client, streams, options.payloadBytes);
  });
  flow = new Flow({
    publishers,
    streams: plan.streams.map(({ publisher }) => publisher),
    receivers: options.receivers,
    options: { ...options, acks: true, progress },
  });
  try {
    const result = await flow.run();
    return reportOf({ scenario: options.scenario, load: `${chatLoadInWords(options)}, ${options.encoding}`, result });
  } finally {
    for (const client of [...receivers, ...publishers.map((publisher) => publisher.client)]) client.close();
    await Bun.sleep(10);
  }
}

/** Holds N logged-in WebSockets, several to a user. */
export async function runWsIdle(options: LoadOptions, progress: Progress): Promise<Report> {
  const backend = backendOf(options);
  const tag = options.seed.toString(16);
  const count = Math.ceil(options.connections / CONNECTIONS_PER_USER);
  const users = await provisionUsers(
    backend,
    Array.from({ length: count }, (_, u) => `load-${tag}-w${u}`),
  );
  // A chat of one's own each, so that nobody is sent anything while the connections are held.
  await inParallel(count, 4, (u) => provisionChat(backend, `load-${tag}-w${u}`, [users[u]?.userID ?? ""]));
  const { userIds } = await learnIds(
    options.http,
    users.map((user) => ({ user, chatID: user.userID })),
  );
  const url = `${options.http.replace(/^http/, "ws")}/ws`;
  const clients: MinioicqClient[] = [];
  return holdConnections({
    options,
    progress,
    open: async (index) => {
      const user = users[index % count];
      const client = await MinioicqClient.connect(url, options.encoding);
      clients.push(client);
      await client.ask(
        { action: "auth.login", user_id: userIds.get(user?.userID ?? "") ?? "", token: user?.accessToken ?? "" },
        ["auth.login.success"],
      );
    },
    countOpen: () => clients.filter((client) => client.isOpen).length,
    close: () => {
      for (const client of clients) client.close();
    },
  });
}

/** Every user of the plan with one chat to say hello in, and every chat with at least one user. */
function oneChatEach({ publishers, receivers, streams, chatIDs }: ChatPlan): { user: LoadUser; chatID: string }[] {
  const first = chatIDs[0] ?? "";
  const greetings = streams.flatMap(({ publisher, chatID }) => {
    const user = publishers[publisher];
    return user === undefined ? [] : [{ user, chatID }];
  });
  return [...greetings, ...receivers.map((user) => ({ user, chatID: first }))];
}

class MinioicqPublisher implements Publisher {
  readonly client: MinioicqClient;
  readonly #streams: { stream: number; frame: Buffer; stampAt: number; clientIdAt: number; next: number }[];
  #turn = 0;

  constructor(client: MinioicqClient, streams: { stream: number; chatId: string }[], payloadBytes: number) {
    this.client = client;
    const clientId = `c${"0".repeat(16)}`;
    this.#streams = streams.map(({ stream, chatId }) => {
      const frame = client.encode({
        action: "message.send",
        message: {
          chat_id: chatId,
          type: "text",
          content: textTemplate(payloadBytes),
          time: new Date().toISOString(),
          client_id: clientId,
        },
      });
      return { stream, frame, stampAt: findTextStamp(frame, 0, -1), clientIdAt: frame.indexOf(clientId) + 1, next: 0 };
    });
  }

  get isFull(): boolean {
    return this.client.bufferedBytes > BUFFERED_BYTES_MAX;
  }

  send(sentUs: number): number {
    const turn = this.#streams[this.#turn];
    if (turn === undefined) throw new Error("a publisher has no chat to write to");
    this.#turn = this.#turn + 1 === this.#streams.length ? 0 : this.#turn + 1;
    const { stream, frame, stampAt, clientIdAt } = turn;
    const seq = turn.next++;
    stampText(frame, stampAt, { stream, seq, sentUs });
    writeHex(frame, clientIdAt, stream);
    writeHex(frame, clientIdAt + 8, seq);
    this.client.send(frame);
    return stream;
  }

  flush(): void {
    // A WebSocket sends each frame by itself.
  }
}
