import { expect, test } from "bun:test";
import fc from "fast-check";
import { defaultRestLimits } from "../../../src/rest/limits.ts";
import { plainOf } from "../../../src/rest/outgoing.ts";
import { createSchemas } from "../../../src/rest/schemas.ts";

const { message } = createSchemas(defaultRestLimits);

const strange = fc.constantFrom<unknown>(null, 7, "", "\ud800", "a b");
const mostly = <Value>(usual: fc.Arbitrary<Value>) =>
  fc.oneof<fc.WeightedArbitrary<unknown>[]>({ weight: 8, arbitrary: usual }, { weight: 1, arbitrary: strange });
const body = fc
  .record({
    chatID: mostly(fc.stringMatching(/^[a-zA-Z0-9.-]{1,20}$/)),
    content: mostly(fc.string({ unit: "grapheme" })),
    type: mostly(fc.constantFrom("text", undefined, "image/png")),
    clientID: mostly(fc.oneof(fc.constant(undefined), fc.stringMatching(/^[\w-]{1,70}$/))),
    more: fc.constantFrom({}, {}, { encoding: "base64" }, { mentions: ["7"] }, { misspelled: "x" }),
  })
  .map(({ more, ...plain }) => ({ ...plain, ...more }));

test("a plain message is what the schema makes of it", () => {
  let plain = 0;
  fc.assert(
    fc.property(body, (given) => {
      const found = plainOf(given);
      if (found === undefined) return;
      plain += 1;
      expect(message.parse(given)).toEqual(found);
    }),
    { numRuns: 500 },
  );
  expect(plain).toBeGreaterThan(0);
});

test.each([
  ["a text", { chatID: "team", content: "hello" }, true],
  ["with a client id", { chatID: "team", content: "hello", type: "text", clientID: "c-1" }, true],
  ["with a field that a message does not have", { chatID: "team", content: "hello", clientid: "c-1" }, false],
  ["with an answer's spelling", { chat_id: "team", content: "hello" }, false],
  ["an answer", { chatID: "team", content: "hello", reply_to: "7" }, false],
  ["without content", { chatID: "team" }, false],
  ["to no key", { chatID: "a team", content: "hello" }, false],
  ["half a surrogate pair", { chatID: "team", content: "\ud800" }, false],
])("%s is plain: %p %p", (_, given, isPlain) => {
  expect(plainOf(given) !== undefined).toBe(isPlain);
});
