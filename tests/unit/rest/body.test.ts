import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { silentLog } from "../../../src/lib/log.ts";
import { MemoryBudget } from "../../../src/net/memory-budget.ts";
import { Bodies } from "../../../src/rest/bodies.ts";
import { parseJson, readJson } from "../../../src/rest/body.ts";
import { Refusal } from "../../../src/rest/errors.ts";

const budget = new MemoryBudget({
  limits: { memoryBytesMax: 4_000_000, accountBytesMax: 200_000, strangersBytesMax: 50_000 },
  log: silentLog,
});
const bodies = new Bodies(budget, async () => undefined);
const limits = { bodyBytesMax: 1000, jsonDepthMax: 4, jsonValuesMax: 50, bodies };
const bytes = (text: string) => new TextEncoder().encode(text);
const post = (body: string | ReadableStream<Uint8Array>, headers?: Record<string, string>) =>
  new Request("http://x/", { method: "POST", body, ...(headers === undefined ? {} : { headers }) });

async function refusalOf(work: Promise<unknown>): Promise<Refusal> {
  try {
    await work;
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
  throw new Error("was not refused");
}

describe("parseJson", () => {
  test("reads what JSON.parse reads, within its bounds", () => {
    const generous = { jsonDepthMax: 100, jsonValuesMax: 1e6 };
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value);
        expect(parseJson(bytes(text), generous)).toEqual(JSON.parse(text));
      }),
    );
  });

  test.each([
    ["[[[[1]]]]", true],
    ["[[[[[1]]]]]", false],
    ['{"a":{"b":{"c":{"d":1}}}}', true],
    ['{"a":{"b":{"c":{"d":{}}}}}', false],
    ['["[[[[[[[","{{{{{{","\\"[[[[[["]', true], // brackets in strings do not nest
    [`["\\\\",[[[[]]]]]`, false], // the string ends after an escaped backslash
  ])("depth of %s", (text, good) => {
    if (good) expect(parseJson(bytes(text), limits)).toEqual(JSON.parse(text));
    else expect(() => parseJson(bytes(text), limits)).toThrow("nested too deeply");
  });

  test("counts values before any is built", () => {
    expect(parseJson(bytes(`[${"1,".repeat(40)}1]`), limits)).toBeArrayOfSize(41);
    expect(() => parseJson(bytes(`[${"1,".repeat(60)}1]`), limits)).toThrow("too many values");
    expect(() => parseJson(bytes("[],".repeat(60)), limits)).toThrow("too many values");
  });

  test.each([
    ["not JSON", "{", "is not JSON"],
    ["an open string", '"abc', "is not JSON"],
    ["an open escape", '"abc\\', "is not JSON"],
    ["a lone bracket", "]", "is not JSON"],
    ["two values", "1 2", "is not JSON"],
  ])("refuses %s", (_, text, detail) => {
    expect(() => parseJson(bytes(text), limits)).toThrow(detail);
  });

  test("refuses bytes that are no UTF-8", () => {
    expect(() => parseJson(new Uint8Array([0x22, 0xff, 0x22]), limits)).toThrow("is not UTF-8");
    expect(() => parseJson(new Uint8Array([0x22, 0xed, 0xa0, 0x80, 0x22]), limits)).toThrow("is not UTF-8");
  });

  test("any bytes give a value or a refusal", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (input) => {
        try {
          parseJson(input, limits);
        } catch (error) {
          expect(error).toBeInstanceOf(Refusal);
        }
      }),
    );
  });
});

describe("readJson", () => {
  test("no body is undefined", async () => {
    expect(await readJson(new Request("http://x/", { method: "DELETE" }), limits)).toBeUndefined();
    expect(await readJson(post(""), limits)).toBeUndefined();
  });

  test("a body over the limit is 413, announced or not", async () => {
    expect((await refusalOf(readJson(post(`"${"a".repeat(1000)}"`), limits))).answer.status).toBe(413);
    expect((await refusalOf(readJson(post("1", { "Content-Length": "5000" }), limits))).answer.status).toBe(413);
    const endless = new ReadableStream<Uint8Array>({ pull: (stream) => stream.enqueue(new Uint8Array(300)) });
    expect((await refusalOf(readJson(post(endless), limits))).answer.status).toBe(413);
  });

  test("a stream that breaks off is the client's fault", async () => {
    const broken = new ReadableStream<Uint8Array>({ pull: (stream) => stream.error(new Error("reset")) });
    expect((await refusalOf(readJson(post(broken), limits))).answer.status).toBe(400);
  });

  test("an account has a share of the bodies under way from wherever it sends, and a backend has none", async () => {
    const limited = { memoryBytesMax: 4_000_000, accountBytesMax: 100_000, strangersBytesMax: 100_000 };
    const memory = new MemoryBudget({ limits: limited, log: silentLog });
    const callers: Record<string, { account: string | undefined }> = {
      a: { account: "user:1" },
      key: { account: undefined },
    };
    const byKey = new Bodies(memory, async ({ headers }) => callers[headers.get("x-key") ?? ""]);
    const begin = (key: string, address: string, length: number) => {
      const request = post(new ReadableStream(), { "Content-Length": String(length), "X-Key": key });
      byKey.from(request, address);
      return readJson(request, { ...limits, bodies: byKey, bodyBytesMax: 1e6 });
    };
    void begin("a", "192.0.2.1", 40_000);
    expect((await refusalOf(begin("a", "192.0.2.2", 20_000))).answer.status).toBe(429);
    for (const address of ["192.0.2.1", "192.0.2.1", "192.0.2.2"]) void begin("key", address, 200_000);
    // One that fills the share has room by itself.
    void begin("", "192.0.2.1", 300_000);
    await Bun.sleep(0);
    expect([byKey.underWay, memory.keptBytes]).toEqual([5, 940_000]);
  });

  test("bodies that are under way have a share of an address, of strangers and of all", async () => {
    const large = { ...limits, bodyBytesMax: 1e6, jsonDepthMax: 4, jsonValuesMax: 50 };
    const open: ReadableStreamDefaultController<Uint8Array>[] = [];
    const begin = (address: string, length: number, isStranger = false) => {
      const stream = new ReadableStream<Uint8Array>({ start: (controller) => void open.push(controller) });
      const request = post(stream, { "Content-Length": String(length) });
      bodies.from(request, address);
      return readJson(request, { ...large, ofStranger: isStranger });
    };
    const reading = [begin("192.0.2.1", 60_000), begin("192.0.2.2", 40_000, true)];
    expect(bodies.underWay).toBe(2);
    expect((await refusalOf(begin("192.0.2.1", 60_000))).answer.status).toBe(429);
    expect((await refusalOf(begin("192.0.2.3", 20_000, true))).answer.status).toBe(429);
    reading.push(begin("192.0.2.3", 60_000), begin("192.0.2.1", 1000));
    for (const controller of open.slice(0, 2)) {
      controller.enqueue(bytes("1"));
      controller.close();
    }
    expect(await Promise.all(reading.slice(0, 2))).toEqual([1, 1]);
    reading.push(begin("192.0.2.1", 60_000), begin("192.0.2.3", 20_000, true));
    for (const controller of open.slice(2)) {
      controller.enqueue(bytes("2"));
      controller.close();
    }
    expect(await Promise.all(reading)).toEqual([1, 1, 2, 2, 2, 2]);
    expect([bodies.underWay, budget.keptBytes]).toEqual([0, 0]);
  });
});
