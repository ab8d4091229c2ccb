/** Whatever was said comes back from the bytes that are kept of it. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { base64Of, packContent, unpackContent, withBase64Content } from "../../../src/domain/messages/content.ts";
import type { Message } from "../../../src/domain/model.ts";

const almostBase64 = fc
  .tuple(fc.uint8Array({ maxLength: 600 }), fc.constantFrom("", "=", "\n", "-", " ", "é"), fc.nat())
  .map(([bytes, extra, at]) => {
    const text = base64Of(bytes);
    const place = text.length === 0 ? 0 : at % text.length;
    return `${text.slice(0, place)}${extra}${text.slice(place)}`;
  });
const texts = fc.oneof(
  fc.string({ unit: "grapheme" }),
  almostBase64,
  fc.base64String(),
  fc.stringMatching(/^[A-Za-z0-9+/]{0,40}={0,2}$/),
);

test("text comes back to the letter, bytes to the byte", () => {
  fc.assert(
    fc.property(texts, (text) => {
      const { bytes, form } = packContent(text);
      expect(unpackContent(new Uint8Array(bytes), form)).toBe(text);
    }),
    { numRuns: 2000 },
  );
  fc.assert(
    fc.property(fc.uint8Array(), (given) => {
      const { bytes, form } = packContent(given);
      expect(unpackContent(bytes, form)).toEqual(given);
    }),
  );
});

test("what is base64 is kept as the bytes it stands for, given as text or as bytes that stand for their text", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1 }), (given) => {
      const text = base64Of(given);
      for (const packed of [packContent(text), packContent(given, true)]) {
        expect(packed.form).toBe("base64");
        expect(Buffer.compare(packed.bytes, given)).toBe(0);
        expect(unpackContent(packed.bytes, packed.form)).toBe(text);
      }
    }),
  );
});

test("the text of bytes is there when it is asked for, and stands among the other fields", () => {
  const file = { hash: "00", bytes: 3, form: "base64", mediaType: "image/png" } as const;
  const message = withBase64Content(
    { seq: 1, content: "", file } as unknown as Message & { file: typeof file },
    Buffer.from("abc"),
  );
  expect(message.content).toBe("YWJj");
  expect({ ...message }).toEqual({ seq: 1, content: "YWJj", file } as unknown as Message);
});
