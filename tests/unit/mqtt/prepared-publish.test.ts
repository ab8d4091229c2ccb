/** The wire forms of a message, byte for byte what mqtt-packet writes. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { generate, type IPublishPacket } from "mqtt-packet";
import { defaultBrokerLimits } from "../../../src/mqtt/limits.ts";
import { ForwardedPublish } from "../../../src/mqtt/publish/forwarded-publish.ts";
import { preparePublish } from "../../../src/mqtt/publish/prepared-publish.ts";
import { appendPublish, type PublishForm } from "../../../src/mqtt/publish/publish-form.ts";
import { PacketReader, type PacketSink } from "../../../src/mqtt/wire/packet-reader.ts";
import { FlushQueue } from "../../../src/net/flush-queue.ts";
import { Outbox } from "../../../src/net/outbox.ts";
import { at } from "../../support/manual-clock.ts";

const topic = fc.string({ unit: "grapheme", minLength: 1, maxLength: 30 }).filter((value) => !/[+#\0]/.test(value));
const payload = fc.oneof(fc.uint8Array({ maxLength: 130 }), fc.uint8Array({ minLength: 16_300, maxLength: 16_500 }));

/** What would leave a connection. */
function sent(form: PublishForm, flags: number, packetId: number): Buffer {
  const taken: Buffer[] = [];
  const transport = {
    remoteAddress: "",
    write: (bytes: Uint8Array, from: number, length: number) =>
      taken.push(Buffer.from(bytes.subarray(from, from + length))) && length,
    shutdown() {},
    terminate() {},
    pause() {},
    resume() {},
  };
  const owner = { outboxSent() {}, outboxWritable() {}, outboxOverflowed() {}, outboxGrew() {} };
  const outbox = new Outbox(
    transport,
    { ...defaultBrokerLimits, flushQueue: new FlushQueue(), counters: { packetsSent: 0, bytesSent: 0 } },
    owner,
  );
  appendPublish(outbox, form, flags, packetId);
  outbox.close();
  return Buffer.concat(taken);
}

const whole = (fields: Partial<IPublishPacket> & { topic: string; payload: Buffer }) =>
  generate({ cmd: "publish", qos: 0, dup: false, retain: false, ...fields });

test("a prepared message is what mqtt-packet generates, at either QoS", () => {
  fc.assert(
    fc.property(topic, payload, fc.integer({ min: 1, max: 65_535 }), (name, bytes, messageId) => {
      const packet = preparePublish(name, bytes);
      const fields = { topic: name, payload: Buffer.from(bytes) };
      expect(sent(packet.form(4, 0), 0, 0)).toEqual(whole(fields));
      expect(sent(packet.form(4, 1), 2 | 8, messageId)).toEqual(whole({ ...fields, qos: 1, dup: true, messageId }));
    }),
  );
});

test("a forwarded message is what mqtt-packet generates: same QoS, downgraded, and kept", () => {
  const received = fc.record({ qos: fc.constantFrom(0 as const, 1 as const), retain: fc.boolean(), dup: fc.boolean() });
  const forwarded = new ForwardedPublish();
  fc.assert(
    fc.property(topic, payload, received, fc.integer({ min: 1, max: 65_535 }), (name, bytes, flags, messageId) => {
      const fields = { topic: name, payload: Buffer.from(bytes) };
      const input = whole({ ...fields, ...flags, dup: flags.dup && flags.qos > 0, messageId: 4242 });
      let seen = 0;
      const sink: PacketSink = {
        reading: true,
        protocolVersion: 4,
        awaitsConnect: false,
        awaitsAuth: false,
        readPublish(view) {
          seen++;
          const message = forwarded.of(view, at(0));
          expect(sent(message.form(4, 0), 0, 0)).toEqual(whole(fields));
          if (flags.qos === 0) return;
          expect(sent(message.form(4, 1), 2, messageId)).toEqual(whole({ ...fields, qos: 1, messageId }));
          const kept = message.kept(4, 1);
          view.buffer.fill(0);
          const twice = message.kept(4, 2);
          expect([kept.qos, twice.qos, twice.buffer === kept.buffer]).toEqual([1, 2, true]);
          expect(sent(twice, 4, messageId)).toEqual(whole({ ...fields, qos: 2, messageId }));
          expect(sent(kept, 2, messageId)).toEqual(whole({ ...fields, qos: 1, messageId }));
        },
        readAcknowledgement() {},
        readPingreq() {},
        readPacket() {},
      };
      new PacketReader(defaultBrokerLimits).read(input, sink);
      expect(seen).toBe(1);
    }),
  );
});
