/** Phone numbers and PhoneIds as clients write them. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { typedCode } from "../../../src/domain/phones/codes.ts";
import { newCode } from "../../../src/domain/phones/new-codes.ts";
import { parsePhoneId, phoneIdOf, phoneOf } from "../../../src/domain/phones/phones.ts";

test.each([
  ["380001", "380001"],
  ["+380 (00) 01-1", "38000011"],
  ["+1.415.555.0100", "14155550100"],
  ["12345", "12345"],
  ["1234", undefined],
  ["1".repeat(15), "1".repeat(15)],
  ["1".repeat(16), undefined],
  ["", undefined],
  ["+", undefined],
  ["++38000", undefined],
  ["380-00a", undefined],
  ["38000\u0000", undefined],
  ["٣٨٠٠٠١", undefined],
  [`1${" ".repeat(100)}2345`, undefined],
])("%j is the phone %p", (written, phone) => expect(phoneOf(written)).toBe(phone as never));

test.each([
  ["380001_10001", { phone: "380001", userId: 10_001 }],
  ["+380001_10001", { phone: "380001", userId: 10_001 }],
  ["380001", { phone: "380001", userId: undefined }],
  ["_10001", { phone: undefined, userId: 10_001 }],
  ["_", undefined],
  ["", undefined],
  ["380001_", undefined],
  ["380001_x", undefined],
  ["380001_-1", undefined],
  ["380001_1.5", undefined],
  ["380001_99999999999999999", undefined],
  ["x_10001", undefined],
  ["380001_1_2", undefined],
])("%j is the PhoneId %j", (text, parsed) => expect(parsePhoneId(text)).toEqual(parsed as never));

test("a PhoneId leads back to its parts, with a phone and without", () => {
  const user = fc.record({
    phone: fc.option(fc.stringMatching(/^[0-9]{5,15}$/), { nil: undefined }),
    userId: fc.nat(),
  });
  fc.assert(fc.property(user, (of) => expect(parsePhoneId(phoneIdOf(of))).toEqual(of as never)));
});

test("a code is six digits, and read as people type it", () => {
  for (let n = 0; n < 1000; n += 1) expect(newCode()).toMatch(/^\d{6}$/);
  expect([typedCode(" 123 456\n"), typedCode("12a"), typedCode(undefined), typedCode("1".repeat(33))]).toEqual([
    "123456",
    "",
    "",
    "",
  ]);
});
