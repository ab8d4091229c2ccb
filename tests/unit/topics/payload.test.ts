/** Text, JSON, MessagePack and bytes are told apart by themselves, whatever is published. */
import { expect, test } from "bun:test";
import { encode } from "@msgpack/msgpack";
import { assert as holds, property, uint8Array } from "fast-check";
import { parseSaid } from "../../../src/topics/payload.ts";

const text = (content: string) => ({ content, type: "text", clientId: undefined });

test.each([
  ["hello", text("hello")],
  ["", text("")],
  ["{not json", text("{not json")],
  ['{"other":1}', text('{"other":1}')],
  ["[1]", text("[1]")],
  [' {"content":"x"}', text(' {"content":"x"}')],
  ['{"content":"x"}', text("x")],
  ['{"content":"x","type":"text/markdown","client_id":"7"}', { content: "x", type: "text/markdown", clientId: "7" }],
  ['{"content":5}', undefined],
  ['{"content":"x","type":5}', undefined],
  ['{"content":"x","client_id":{}}', undefined],
] as const)("%s", (payload, said) => {
  expect(parseSaid(Buffer.from(payload))).toEqual(said);
});

test("a MessagePack map is read by its fields, bytes stay bytes", () => {
  expect(parseSaid(encode({ content: "grüße", client_id: "1" }))).toEqual({ ...text("grüße"), clientId: "1" });
  const image = parseSaid(encode({ content: new Uint8Array([1, 2, 255]), type: "image/png" }));
  expect(image).toEqual({ content: new Uint8Array([1, 2, 255]), type: "image/png", clientId: undefined });
  expect(parseSaid(encode({ content: 5 }))).toBeUndefined();
});

test("bytes that are no text are a file, byte for byte, and share no memory with the packet", () => {
  const packet = Buffer.from([0, 0xff, 0xfe, 1]);
  const said = parseSaid(packet);
  packet.fill(9);
  expect(said).toEqual({ content: new Uint8Array([0, 0xff, 0xfe, 1]), type: "file", clientId: undefined });
});

test("whatever is published is understood or refused, and text comes back unchanged", () => {
  void holds(
    property(uint8Array({ maxLength: 64 }), (bytes) => {
      const said = parseSaid(bytes);
      if (said?.type === "text" && said.clientId === undefined && bytes[0] !== 0x7b && !((bytes[0] ?? 0) & 0x80)) {
        expect(Buffer.from(said.content)).toEqual(Buffer.from(bytes));
      }
    }),
    { numRuns: 5000 },
  );
});
