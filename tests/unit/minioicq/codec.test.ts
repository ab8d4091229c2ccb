/** The MiniOICQ codec alone: what goes in comes out, and no bytes do worse than a `FrameError`. */
import { describe, expect, test } from "bun:test";
import { encode } from "@msgpack/msgpack";
import fc from "fast-check";
import { FrameError } from "../../../src/minioicq/errors.ts";
import { decodeFrame, encodeFrame } from "../../../src/minioicq/requests/codec.ts";

const bounds = { frameItemsMax: 20_000, frameDepthMax: 16 };
const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.replaceAll(" ", ""), "hex"));

const wellFormed = fc.string({ unit: "binary" }).filter((text) => text.isWellFormed());
const { value: anything } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).filter((number) => !Object.is(number, -0)),
    wellFormed,
    fc.array(tie("value"), { maxLength: 5 }),
    fc.dictionary(
      wellFormed.filter((key) => key !== "__proto__"),
      tie("value"),
      { maxKeys: 5, noNullPrototype: true },
    ),
  ),
}));

describe("round trips", () => {
  test("MessagePack gives back what was encoded", () => {
    fc.assert(fc.property(anything, (value) => expect(decodeFrame(encode(value), bounds)).toEqual(value)));
  });

  test("JSON gives back what was encoded", () => {
    fc.assert(fc.property(anything, (value) => expect(decodeFrame(JSON.stringify(value), bounds)).toEqual(value)));
  });

  test("what we say is read back, without what is undefined", () => {
    const body = { action: "x", reason: "ä🦆", client_id: undefined, list: [1, 2 ** 31, 2 ** 40, "a".repeat(70_000)] };
    const { client_id: _, ...rest } = body;
    for (const encoding of ["msgpack", "json"] as const) {
      const frame = encodeFrame(encoding, body);
      expect(typeof frame).toBe(encoding === "json" ? "string" : "object");
      expect(decodeFrame(frame, bounds)).toStrictEqual(rest);
    }
  });

  test("a large frame leaves earlier ones alone", () => {
    const first = encodeFrame("msgpack", { action: "first" });
    encodeFrame("msgpack", { action: "x".repeat(3_000_000) });
    expect(decodeFrame(first, bounds)).toEqual({ action: "first" });
  });
});

describe("hostile bytes", () => {
  test("random bytes are a value or a FrameError, and the next good frame still works", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        tolerate(noise);
        expect(decodeFrame(encode({ action: "heartbeat" }), bounds)).toEqual({ action: "heartbeat" });
      }),
      { numRuns: 2000 },
    );
  });

  test("mutated frames are a value or a FrameError", () => {
    const good = encode({
      action: "message.send",
      message: { chat_id: 5, type: "text", content: "hello", n: [1.5, null] },
    });
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length), (at, byte, cut) => {
        const mutant = good.slice(0, cut === 0 ? good.length : cut);
        if (at < mutant.length) mutant[at] = byte;
        tolerate(mutant);
      }),
      { numRuns: 2000 },
    );
  });

  function tolerate(frame: Uint8Array): void {
    try {
      decodeFrame(frame, bounds);
    } catch (error) {
      expect(error).toBeInstanceOf(FrameError);
    }
  }

  const refused: [string, string | Uint8Array][] = [
    ["an array of four billion", bytes("dd ffffffff")],
    ["a map of two billion whose count would overflow", bytes("df 80000001")],
    ["binary of four billion", bytes("c6 ffffffff")],
    ["a length cut short", bytes("da 00")],
    ["a number cut short", bytes("cf 00")],
    ["17 arrays in each other", bytes(`${"91".repeat(17)}01`)],
    ["20,001 values", encode(Array.from({ length: 20_000 }, () => 0))],
    ["overlong UTF-8", bytes("a2 c080")],
    ["a surrogate in UTF-8", bytes("a3 eda080")],
    ["the byte nobody uses", bytes("91 c1")],
    ["every extension", bytes("c7 00 01")],
    ["JSON of 20,001 values", `[${"0,".repeat(40_000)}0]`],
    ["JSON 17 deep", `${"[".repeat(17)}${" ".repeat(70_000)}${"]".repeat(17)}`],
    ["a string without an end", `"${"x".repeat(70_000)}`],
  ];
  test.each(refused)("%s is refused", (_, frame) => {
    expect(() => decodeFrame(frame, bounds)).toThrow(FrameError);
  });

  const accepted: [string, string | Uint8Array, unknown][] = [
    ["16 arrays in each other", bytes(`${"91".repeat(15)}01`), JSON.parse(`${"[".repeat(15)}1${"]".repeat(15)}`)],
    ["brackets inside a long string", JSON.stringify("[{,".repeat(40_000)), "[{,".repeat(40_000)],
    ["quotes and backslashes inside one", JSON.stringify('\\"[[\\'.repeat(20_000)), '\\"[[\\'.repeat(20_000)],
    ["integers beyond 2^53, as near as may be", bytes("cf ffffffffffffffff"), 2 ** 64],
    ["binary", bytes("c4 02 00ff"), new Uint8Array([0, 255])],
  ];
  test.each(accepted)("%s is taken", (_, frame, value) => {
    expect(decodeFrame(frame, bounds)).toEqual(value);
  });

  test.each([
    ["a number", "01"],
    ["nil", "c0"],
    ["true", "c3"],
    ["a fraction", "cb 7ff8000000000000"],
    ["a list", "90"],
    ["a map", "80"],
    ["bytes", "c4 01 ff"],
    ["__proto__", "a9 5f5f70726f746f5f5f"],
    ["constructor", "ab 636f6e7374727563746f72"],
  ])("a map may have %s as a key; the rest is read as ever", (_, key) => {
    const text = (value: string) => Buffer.from(encode(value)).toString("hex");
    const frame = bytes(`82 ${key} 81 ${text("x")} 01 ${text("action")} ${text("heartbeat")}`);
    const read = decodeFrame(frame, bounds) as Record<string, unknown>;
    expect(read["action"]).toBe("heartbeat");
    expect(Object.getPrototypeOf(read)).toBe(Object.prototype);
    expect(read["x"]).toBeUndefined();
  });

  test("JSON's __proto__ is a key like another", () => {
    const value = decodeFrame('{"__proto__":{"action":"heartbeat"}}', bounds) as Record<string, unknown>;
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(value["action"]).toBeUndefined();
  });
});
