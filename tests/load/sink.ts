/**
 * A forwarder that is as little of a broker as the generator will talk to: it answers CONNECT and SUBSCRIBE, learns from a
 * connection's first PUBLISH which subscriber it feeds, and from then on hands its bytes over unread. What a run against it
 * costs is what the generator costs. QoS 0 and one subscriber per topic only.
 */
import type { Socket } from "bun";
import { PacketType } from "./mqtt-wire.ts";

interface Peer {
  subscriber: Socket<Peer> | undefined;
  /** What the subscriber's socket did not take yet. */
  queue: Buffer[];
  tail: Buffer;
}

export interface Sink {
  port: number;
  stop(): void;
}

export function startSink(): Sink {
  const byTopic = new Map<string, Socket<Peer>>();

  function send(socket: Socket<Peer>, bytes: Buffer): void {
    if (socket.data.queue.length > 0) {
      socket.data.queue.push(bytes);
      return;
    }
    const written = socket.write(bytes);
    if (written >= 0 && written < bytes.byteLength) socket.data.queue.push(bytes.subarray(written));
  }

  function setUp(socket: Socket<Peer>, bytes: Buffer): void {
    const type = (bytes[0] ?? 0) >>> 4;
    if (type === PacketType.connect) send(socket, Buffer.from([PacketType.connack << 4, 2, 0, 0]));
    if (type === PacketType.subscribe) {
      const topicLength = bytes.readUInt16BE(4);
      byTopic.set(bytes.toString("utf8", 6, 6 + topicLength), socket);
      send(socket, Buffer.from([PacketType.suback << 4, 3, bytes[2] ?? 0, bytes[3] ?? 0, 0]));
    }
  }

  const listener = Bun.listen<Peer>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(socket) {
        socket.data = { subscriber: undefined, queue: [], tail: Buffer.alloc(0) };
        socket.setNoDelay(true);
      },
      data(socket, chunk) {
        const peer = socket.data;
        if (peer.subscriber !== undefined) return send(peer.subscriber, chunk);
        let bytes = peer.tail.byteLength === 0 ? chunk : Buffer.concat([peer.tail, chunk]);
        while (bytes.byteLength >= 2) {
          const { body, end } = lengthOf(bytes);
          if (end > bytes.byteLength) break;
          if ((bytes[0] ?? 0) >>> 4 === PacketType.publish) {
            const topicLength = bytes.readUInt16BE(body);
            peer.subscriber = byTopic.get(bytes.toString("utf8", body + 2, body + 2 + topicLength));
            if (peer.subscriber !== undefined) send(peer.subscriber, bytes);
            return;
          }
          setUp(socket, bytes.subarray(0, end));
          bytes = bytes.subarray(end);
        }
        peer.tail = Buffer.from(bytes);
      },
      drain(socket) {
        const { queue } = socket.data;
        for (let first = queue[0]; first !== undefined; first = queue[0]) {
          const written = socket.write(first);
          if (written < first.byteLength) {
            queue[0] = first.subarray(Math.max(0, written));
            return;
          }
          queue.shift();
        }
      },
    },
  });
  return { port: listener.port, stop: () => listener.stop(true) };
}

function lengthOf(bytes: Buffer): { body: number; end: number } {
  let body = 1;
  let remaining = 0;
  let factor = 1;
  let digit = 0x80;
  while (digit & 0x80 && body < Math.min(5, bytes.byteLength)) {
    digit = bytes[body] ?? 0;
    remaining += (digit & 0x7f) * factor;
    factor *= 128;
    body += 1;
  }
  if (digit & 0x80) return { body, end: Number.POSITIVE_INFINITY };
  return { body, end: body + remaining };
}
