/**
 * Peers that make a server hold as much as they can: those without a log-in, and those of one account. Runs until it is
 * ended, and says on standard output how many connections of each way the server has ended:
 * `bun tests/load/attacks.ts strangers,account '{"http":"host:port",…}' [way,way]`.
 */
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { generate, type Packet } from "mqtt-packet";

export interface Target {
  readonly http: string;
  readonly mqtt: string;
  /** A user with all ordinary topics, for whom messages wait in the chat `full`, with an access token for every door. */
  readonly account: { readonly name: string; readonly token: string };
  /** The chat's number. */
  readonly chatId: string;
  /** Numbers of users who can be made members of chats. */
  readonly members: readonly string[];
  /** Whose passwords strangers guess. */
  readonly victims: { readonly device: string; readonly userId: string };
}

export const attacks = ["strangers", "account"] as const;
export type Attack = (typeof attacks)[number];

export interface Login {
  readonly name: string;
  readonly password: string;
}

const kib = 1024;
const mib = 1024 * kib;
const againMs = 250;
/** The attackers'. Honest clients have another one. */
const addresses = 8;

const portOf = (address: string): number => Number(address.slice(address.lastIndexOf(":") + 1));
const packets = (...list: Packet[]): Buffer => Buffer.concat(list.map((one) => generate(one)));

interface Peers {
  readonly count: number;
  readonly port: number;
  /** What peer `n` says: first, and then what comes behind the answer to it, such as a log-in's. Nothing more is read. */
  bytes(n: number): readonly Uint8Array[];
  /** It says its last bytes again so often. */
  readonly everyMs?: number;
  /** All of them come from one address. */
  readonly isOneAddress?: boolean;
}

/** A way to attack: it keeps so many connections, and opens one again when it has ended. */
type Way = (target: Target) => readonly Peers[];

const peers = (count: number, at: string, bytes: Peers["bytes"], more: Partial<Peers> = {}): Peers => ({
  ...more,
  count,
  port: portOf(at),
  bytes,
});

/** The sockets by their own address, as the kernel's table has it. */
const held = new Map<string, Socket>();

const kernelsName = (address: string, port: number): string => {
  const bytes = address.split(".").map((part) => Number(part).toString(16).padStart(2, "0"));
  return `${bytes.toReversed().join("")}:${port.toString(16).padStart(4, "0")}`.toUpperCase();
};

const closedByPeer = "08";

/** Who does not read does not see the other side close. The kernel does. */
function dropClosed(): void {
  for (const line of readFileSync("/proc/net/tcp", "latin1").split("\n")) {
    const [, own = "", , state] = line.trim().split(/\s+/);
    if (state === closedByPeer) held.get(own)?.destroy();
  }
}

const writeBytes = 256 * kib;

/** As much at a time as the kernel takes: what a socket keeps is copied with each write. */
function say(socket: Socket, bytes: readonly Uint8Array[]): void {
  const parts = bytes.flatMap((all) =>
    Array.from({ length: Math.ceil(all.length / writeBytes) }, (_, n) =>
      all.subarray(n * writeBytes, (n + 1) * writeBytes),
    ),
  );
  let at = 0;
  const go = (): void => {
    while (at < parts.length && !socket.destroyed) {
      if (!socket.write(parts[at++] as Uint8Array)) {
        socket.once("drain", go);
        return;
      }
    }
  };
  go();
}

function hold({ count, port, bytes, everyMs = 0, isOneAddress = false }: Peers, ended: () => void): void {
  const open = (n: number): void => {
    const localAddress = isOneAddress ? "127.0.2.1" : `127.0.1.${1 + (n % addresses)}`;
    const socket = connect({ port, noDelay: true, localAddress });
    let timer: ReturnType<typeof setInterval> | undefined;
    let name = "";
    const [first, ...rest] = bytes(n);
    socket.on("error", () => {}); // closed follows
    socket.on("connect", () => {
      name = kernelsName(localAddress, socket.localPort ?? 0);
      held.set(name, socket);
    });
    socket.on("close", () => {
      held.delete(name);
      clearInterval(timer);
      ended();
      setTimeout(() => open(n), againMs);
    });
    if (first !== undefined) say(socket, [first]);
    socket.once("data", () => {
      socket.pause();
      say(socket, rest);
      const last = rest.at(-1) ?? first;
      if (everyMs > 0 && last !== undefined) {
        timer = setInterval(() => {
          // What could not be sent yet is enough.
          if (socket.writableLength === 0) say(socket, [last]);
        }, everyMs);
      }
    });
  };
  for (let n = 0; n < count; n += 1) open(n);
}

const loginOf = ({ name, token }: Target["account"]): Login => ({ name, password: token });

const connectPacket = (clientId: string, login?: Login): Packet => ({
  cmd: "connect",
  protocolId: "MQTT",
  protocolVersion: 4,
  clean: true,
  clientId,
  keepalive: 0,
  ...(login === undefined ? {} : { username: login.name, password: Buffer.from(login.password) }),
});

const publish = (topic: string, payload: Buffer, messageId: number): Packet => ({
  cmd: "publish",
  topic,
  payload,
  qos: 1,
  messageId,
  dup: false,
  retain: false,
});

/** A hundred messages. */
const flood = (topic: string, bytes: number): Buffer =>
  packets(...Array.from({ length: 100 }, (_, n) => publish(topic, Buffer.alloc(bytes), n + 1)));

/** A request of strangers whose answer is as long. */
const asking = (n: number): Buffer =>
  packets(publish("events/1//api/anon//", Buffer.from(JSON.stringify(["init", "x".repeat(200 * kib)])), n + 1));

/** The beginning of a PUBLISH of so many bytes; the rest never comes. */
function halfPublish(bytes: number): Buffer {
  const whole = packets(publish("half", Buffer.alloc(bytes), 1));
  return whole.subarray(0, whole.length - 1);
}

const upgrade = (path: string, protocol?: string): Buffer =>
  Buffer.from(
    `GET ${path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n` +
      `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${protocol === undefined ? "" : `Sec-WebSocket-Protocol: ${protocol}\r\n`}\r\n`,
  );
const overMqtt = upgrade("/mqtt", "mqtt");
const overMiniOicq = upgrade("/ws");

const opcode = { continuation: 0, text: 1, binary: 2 } as const;

/** A frame with a mask of zeros, of which so many bytes were announced. */
function frame(
  code: number,
  payload: Uint8Array,
  { announced = payload.length, isLast = true }: { announced?: number; isLast?: boolean } = {},
): Buffer {
  const head = Buffer.alloc(14);
  head[0] = (isLast ? 0x80 : 0) | code;
  head[1] = 0xff;
  head.writeBigUInt64BE(BigInt(announced), 2);
  return Buffer.concat([head, payload]);
}

const json = (value: unknown): Buffer => frame(opcode.text, Buffer.from(JSON.stringify(value)));

/** A frame of 2 MiB that lacks its last byte, and one of which more was announced than may come. */
const halfFrame = frame(opcode.binary, Buffer.alloc(2 * mib - 1), { announced: 2 * mib });
const hugeFrame = frame(opcode.binary, Buffer.alloc(2 * mib - 1), { announced: 16 * mib });
/** The same in pieces, each of which is whole. */
const pieces = Buffer.concat(
  Array.from({ length: 31 }, (_, n) =>
    frame(n === 0 ? opcode.binary : opcode.continuation, Buffer.alloc(64 * kib), { isLast: false }),
  ),
);

const post = (path: string, headers: string, body: Uint8Array): Buffer =>
  Buffer.concat([
    Buffer.from(`${path} HTTP/1.1\r\nHost: x\r\n${headers}Content-Length: ${body.length + 1}\r\n\r\n`),
    body,
  ]);

/** Each kind of peer by the names of what it does. */
export const ways: Readonly<Record<Attack, Readonly<Record<string, Way>>>> = {
  strangers: {
    /** Requests whose answers are not read. */
    unread: ({ mqtt }) => {
      const all = Array.from({ length: 310 }, (_, n) => asking(n));
      return [peers(20, mqtt, (n) => [packets(connectPacket(`asks-${n}`)), ...all])];
    },
    "unread-frames": ({ http }) => {
      const all = Array.from({ length: 310 }, (_, n) => frame(opcode.binary, asking(n)));
      return [
        peers(20, http, (n) => [overMqtt, frame(opcode.binary, packets(connectPacket(`asks-frames-${n}`))), ...all]),
      ];
    },
    "half-connect": ({ mqtt }) => {
      const connecting = packets({ ...connectPacket("half"), username: "x".repeat(60 * kib) } as Packet);
      return [peers(200, mqtt, () => [connecting.subarray(0, -1)])];
    },
    "half-publish": ({ mqtt }) => {
      const publishing = halfPublish(250 * kib);
      return [peers(400, mqtt, (n) => [packets(connectPacket(`half-${n}`)), publishing])];
    },
    /** WebSockets with a message that is not finished. */
    "half-frame": ({ http }) =>
      [overMiniOicq, overMqtt].flatMap((door) => [
        peers(100, http, () => [door, halfFrame]),
        peers(25, http, () => [door, hugeFrame]),
        peers(25, http, () => [door, pieces]),
      ]),
    "half-request": ({ http }) => [
      peers(200, http, () => [Buffer.from("GET /users/me HTTP/1.1\r\nHost: x\r\n")]),
      peers(100, http, () => [post("POST /messages", "", Buffer.alloc(2 * mib - 2, 0x20))]),
      peers(50, http, () => [post("PUT /token", "", Buffer.alloc(mib, 0x20))]),
    ],
    /** As many of one address as it may have, that say nothing, or just so much that they are not idle. */
    silent: ({ http, mqtt }) => [
      peers(900, http, () => [], { isOneAddress: true }),
      peers(900, mqtt, () => [], { isOneAddress: true }),
      peers(100, http, () => [overMiniOicq, json({ action: "heartbeat" })], { isOneAddress: true, everyMs: 1000 }),
    ],
    /** Wrong ones, for accounts of honest clients. */
    passwords: ({ http, mqtt, victims }) => [
      peers(50, mqtt, (n) => [packets(connectPacket(`guess-${n}`, { name: victims.device, password: `guess ${n}` }))]),
      peers(20, http, (n) => [
        overMiniOicq,
        json({ action: "auth.login", user_id: victims.userId, password: `guess ${n}` }),
      ]),
    ],
  },

  account: {
    /** Readers above QoS 0 that take nothing. */
    unread: ({ mqtt, account }) => {
      const subscribe: Packet = { cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "flood", qos: 1 }] };
      const messages = flood("flood", 50 * kib);
      return [
        peers(10, mqtt, (n) => [packets(connectPacket(`slow-${n}`, loginOf(account))), packets(subscribe)]),
        peers(1, mqtt, () => [packets(connectPacket("flood", loginOf(account))), messages], { everyMs: 1000 }),
      ];
    },
    /** Readers of MQTT over WebSocket, and of MiniOICQ, that take nothing. */
    "unread-frames": ({ http, mqtt, account, chatId }) => {
      const subscribe: Packet = { cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "frames", qos: 1 }] };
      const messages = flood("frames", 50 * kib);
      const history = json({ action: "message.get", chat_id: chatId, limit: 50 });
      return [
        peers(10, http, (n) => [
          overMqtt,
          frame(opcode.binary, packets(connectPacket(`frames-${n}`, loginOf(account)), subscribe)),
        ]),
        peers(1, mqtt, () => [packets(connectPacket("frames", loginOf(account))), messages], { everyMs: 1000 }),
        peers(16, http, () => [
          overMiniOicq,
          json({ action: "auth.login", token: account.token }),
          Buffer.concat(Array.from({ length: 40 }, () => history)),
        ]),
      ];
    },
    /** Event streams and long answers that are not read, while more comes for them. */
    "unread-answers": ({ http, account }) => {
      const headers = `Host: x\r\nAuthorization: ${account.token}\r\n`;
      const get = (path: string, accept = "application/json"): Buffer =>
        Buffer.from(`GET ${path} HTTP/1.1\r\n${headers}Accept: ${accept}\r\n\r\n`);
      const body = Buffer.from(JSON.stringify({ chatID: "full", content: "x".repeat(60_000) }));
      const sending = Buffer.concat([
        Buffer.from(`POST /messages HTTP/1.1\r\n${headers}Content-Length: ${body.length}\r\n\r\n`),
        body,
      ]);
      return [
        peers(50, http, () => [get("/messages?format=simple", "text/event-stream")]),
        peers(150, http, () => [get("/chats/full/messages?limit=100")]),
        peers(150, http, () => [get("/messages?format=simple&limit=100")]),
        peers(1, http, () => [sending], { everyMs: 250 }),
      ];
    },
    /** Long ones, in sessions that stay. */
    filters: ({ mqtt, account }) => [
      peers(20, mqtt, (n) => [
        packets({ ...connectPacket(`filters-${n}`, loginOf(account)), clean: false } as Packet),
        ...Array.from({ length: 5 }, (_, part) =>
          packets({
            cmd: "subscribe",
            messageId: part + 1,
            subscriptions: Array.from({ length: 200 }, (_, at) => ({
              topic: `${n}/${part}/${at}/`.padEnd(3700, "f"),
              qos: 0 as const,
            })),
          }),
        ),
      ]),
    ],
    retained: ({ mqtt, account }) => [
      peers(4, mqtt, (n) => [
        packets(connectPacket(`keeps-${n}`, loginOf(account))),
        packets(
          ...Array.from({ length: 200 }, (_, at): Packet => {
            return { ...publish(`kept/${n}/${at}`, Buffer.alloc(200 * kib), at + 1), retain: true } as Packet;
          }),
        ),
      ]),
    ],
    /** Topics that are never used again. */
    topics: ({ mqtt, account }) => {
      let topics = 0;
      const publishing = (): Buffer =>
        packets(
          ...Array.from({ length: 2000 }, (_, at): Packet => {
            return { ...publish(`${++topics}/${at}/`.padEnd(3700, "t"), Buffer.alloc(1), at + 1), qos: 0 } as Packet;
          }),
        );
      return [
        peers(2, mqtt, (n) => [packets(connectPacket(`topics-${n}`, loginOf(account))), publishing()], {
          everyMs: 1000,
        }),
      ];
    },
    "half-publish": ({ mqtt, account }) => {
      const publishing = halfPublish(mib - kib);
      return [peers(300, mqtt, (n) => [packets(connectPacket(`half-${n}`, loginOf(account))), publishing])];
    },
    "half-frame": ({ http, account }) => [
      peers(64, http, () => [
        overMiniOicq,
        Buffer.concat([json({ action: "auth.login", token: account.token }), halfFrame]),
      ]),
      peers(16, http, (n) => [
        overMqtt,
        Buffer.concat([frame(opcode.binary, packets(connectPacket(`half-frame-${n}`, loginOf(account)))), halfFrame]),
      ]),
    ],
    "half-request": ({ http, account }) => {
      const body = Buffer.alloc(15 * mib, 0x20);
      return [
        peers(100, http, () => [post("POST /messages", `Authorization: ${account.token}\r\n`, body)]),
        peers(50, http, () => [post("POST /_/files?name=half", `Authorization: ${account.token}\r\n`, body)]),
      ];
    },
    /** Groups of all members that there are, one after the other. */
    members: ({ http, account, members }) => [
      peers(
        1,
        http,
        () => [
          overMiniOicq,
          json({ action: "auth.login", token: account.token }),
          json({ action: "chat.create", members }),
        ],
        { everyMs: 2000 },
      ),
    ],
    /** By the right password, again and again. */
    "log-ins": ({ mqtt, account }) => [
      peers(50, mqtt, (n) => [packets(connectPacket(`again-${n}`, loginOf(account)), { cmd: "disconnect" })]),
    ],
  },
};

if (import.meta.main) {
  const [, , kinds = "", target = "", only] = process.argv;
  const ended = new Map<string, number>();
  for (const attack of attacks.filter((one) => kinds.split(",").includes(one))) {
    for (const [name, way] of Object.entries(ways[attack])) {
      if (only !== undefined && !only.split(",").includes(name)) continue;
      const key = `${attack}, ${name}`;
      const oneEnded = (): void => void ended.set(key, (ended.get(key) ?? 0) + 1);
      for (const group of way(JSON.parse(target) as Target)) hold(group, oneEnded);
    }
  }
  setInterval(dropClosed, againMs);
  // The process that began this is gone, without having ended it.
  process.stdin.on("end", () => process.exit()).resume();
  setInterval(() => console.log(JSON.stringify(Object.fromEntries(ended))), 250);
}
