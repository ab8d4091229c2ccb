/** Text, JSON, MessagePack and bytes are told apart by themselves, whatever is published. */
import { expect, test } from "bun:test";
import { encode } from "@msgpack/msgpack";
import { assert as holds, property, uint8Array } from "fast-check";
import { parsePayload } from "../../../src/chat-topics/payload.ts";

const upload = `up_${"0".repeat(32)}`;
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
  [`{"file":"${upload}"}`, { content: "", file: upload, type: "", clientId: undefined }],
  [`{"file":"${upload}","type":"image","client_id":"7"}`, { content: "", file: upload, type: "image", clientId: "7" }],
  [`{"file":"${"ab".repeat(32)}"}`, { content: "", file: "ab".repeat(32), type: "", clientId: undefined }],
  // What names no file is text, as other JSON is.
  ['{"file":"a.txt"}', text('{"file":"a.txt"}')],
  ['{"file":5}', text('{"file":5}')],
  [`{"file":"${upload}","type":5}`, undefined],
  [`{"file":"${upload}","content":"x"}`, undefined],
  ['{"content":5}', undefined],
  ['{"content":"x","type":5}', undefined],
  ['{"content":"x","client_id":{}}', undefined],
] as const)("%s", (payload, said) => {
  expect(parsePayload(Buffer.from(payload))).toEqual(said);
});

test("a MessagePack map is read by its fields, bytes stay bytes", () => {
  expect(parsePayload(encode({ content: "grüße", client_id: "1" }))).toEqual({ ...text("grüße"), clientId: "1" });
  const image = parsePayload(encode({ content: new Uint8Array([1, 2, 255]), type: "image/png" }));
  expect(image).toEqual({ content: new Uint8Array([1, 2, 255]), type: "image/png", clientId: undefined });
  expect(parsePayload(encode({ content: 5 }))).toBeUndefined();
});

test("bytes that are no text are a file, byte for byte, and share no memory with the packet", () => {
  const packet = Buffer.from([0, 0xff, 0xfe, 1]);
  const said = parsePayload(packet);
  packet.fill(9);
  expect(said).toEqual({ content: new Uint8Array([0, 0xff, 0xfe, 1]), type: "file", clientId: undefined });
});

const bytes = (...of: number[]) => new Uint8Array(of);
const object = '{"content":"x","type":"t","client_id":"7"}';
const read = { content: "x", type: "t", clientId: "7" };

test.each([
  ["text/plain", object, text(object)],
  ["Text/Plain; charset=utf-8", "hello", text("hello")],
  ["text/markdown", "# hi", { ...text("# hi"), type: "text/markdown" }],
  ["text/plain", bytes(0xff), undefined],
  ["application/json", object, read],
  ["application/json", "hello", undefined],
  ["application/json", '{"other":1}', undefined],
  ["application/json", "[1]", undefined],
  ["application/json", bytes(0xff), undefined],
  ["application/msgpack", encode({ content: "x", type: "t", client_id: "7" }), read],
  ["application/x-msgpack", object, undefined],
  ["application/octet-stream", "hello", { ...text(""), content: bytes(104, 101, 108, 108, 111), type: "file" }],
  ["image/png", bytes(0x89, 0x50), { ...text(""), content: bytes(0x89, 0x50), type: "image/png" }],
  ["no media type", object, read],
  ["", "hello", text("hello")],
] as const)("the content type %s says what %p is", (contentType, payload, said) => {
  const packet = typeof payload === "string" ? Buffer.from(payload) : payload;
  expect(parsePayload(packet, { contentType, payloadFormat: undefined })).toEqual(said);
});

test("a payload that is said to be UTF-8 is, or refused", () => {
  const format = (contentType?: string) => ({ contentType, payloadFormat: 1 }) as const;
  expect(parsePayload(bytes(0xff), format())).toBeUndefined();
  expect(parsePayload(bytes(0xff), format("image/png"))).toBeUndefined();
  expect(parsePayload(Buffer.from(object), format())).toEqual(read);
  expect(parsePayload(Buffer.from("<svg/>"), format("image/svg+xml"))).toEqual({
    ...text("<svg/>"),
    type: "image/svg+xml",
  });
});

test("whatever is published is understood or refused, and text comes back unchanged", () => {
  void holds(
    property(uint8Array({ maxLength: 64 }), (bytes) => {
      const said = parsePayload(bytes);
      if (said?.type === "text" && said.clientId === undefined && bytes[0] !== 0x7b && !((bytes[0] ?? 0) & 0x80)) {
        expect(Buffer.from(said.content)).toEqual(Buffer.from(bytes));
      }
    }),
    { numRuns: 5000 },
  );
});
