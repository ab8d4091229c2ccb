/** How the broker says no, and which strings it takes. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { noLocalBit, retainAsPublishedBit, retainHandlingOf } from "../../../src/mqtt/wire/codec.ts";
import { connectCodes, disconnectReasonCode, ProtocolError } from "../../../src/mqtt/wire/errors.ts";
import { checkUtf8, decodeUtf8 } from "../../../src/mqtt/wire/utf8.ts";

test("a refusal has the return code of 3.1.1 and the reason code of MQTT 5", () => {
  expect([connectCodes("bad_credentials", 3), connectCodes("bad_credentials", 4)]).toEqual([4, 4]);
  expect(connectCodes("bad_credentials", 5)).toBe(0x86);
  expect([connectCodes("busy", 4), connectCodes("busy", 5)]).toEqual([3, 0x89]);
  expect([connectCodes("identifier_rejected", 4), connectCodes("identifier_rejected", 5)]).toEqual([2, 0x85]);
  expect([connectCodes("unacceptable_version", 4), connectCodes("unacceptable_version", 5)]).toEqual([1, 0x84]);
  expect(connectCodes("bad_authentication_method", 5)).toBe(0x8c);
});

test("a client is told why it is closed, unless it is gone or knows", () => {
  for (const silent of ["disconnected", "connection_lost", "refused", "connect_timeout"] as const) {
    expect(disconnectReasonCode(silent)).toBeUndefined();
  }
  expect(disconnectReasonCode("server_stopping")).toBe(0x8b);
  expect(disconnectReasonCode("taken_over")).toBe(0x8e);
  expect(disconnectReasonCode("keep_alive_timeout")).toBe(0x8d);
  expect(disconnectReasonCode("packet_too_large")).toBe(0x95);
  expect(disconnectReasonCode("reauthentication_failed")).toBe(0x87);
});

test("the option bits of a subscription are those of its byte", () => {
  expect([noLocalBit, retainAsPublishedBit]).toEqual([0b100, 0b1000]);
  expect([0x00, 0x1c, 0x2c].map(retainHandlingOf)).toEqual([0, 1, 2]);
});

test("a string is checked as strictly as it is decoded", () => {
  const outcome = (read: () => unknown): boolean => {
    try {
      read();
      return true;
    } catch (error) {
      if (error instanceof ProtocolError) return false;
      throw error;
    }
  };
  const pieces = fc.array(
    fc.oneof(
      fc.string({ unit: "binary", maxLength: 4 }).map((value) => Buffer.from(value)),
      fc.uint8Array({ maxLength: 4 }),
      fc.constantFrom(
        [0xed, 0xa0, 0x80],
        [0xef, 0xbb, 0xbf],
        [0xc0, 0x80],
        [0xf4, 0x90, 0x80, 0x80],
        [0xef, 0xbf, 0xbf],
      ),
    ),
    { maxLength: 5 },
  );
  fc.assert(
    fc.property(pieces, (parts) => {
      const bytes = Buffer.concat(parts.map((part) => Buffer.from(part)));
      expect(outcome(() => checkUtf8(bytes, 0, bytes.length))).toBe(outcome(() => decodeUtf8(bytes, 0, bytes.length)));
    }),
    { numRuns: 2000 },
  );
});
