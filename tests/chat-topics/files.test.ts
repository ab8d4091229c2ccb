/** Large content on `chat/…` topics: in the JSON while it fits a packet, then by its file; live and after being away. */
import { expect, test } from "bun:test";
import mqtt, { type IClientOptions, type MqttClient } from "mqtt";
import { enroll, room } from "../rest/client.ts";
import { until } from "../support/deadline.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

const kib = 1024;

interface Heard {
  readonly seq: number;
  readonly content?: string;
  readonly encoding?: string;
  readonly file?: { readonly hash: string; readonly url: string; readonly bytes: number; readonly type: string };
}

const hashOf = (bytes: Uint8Array): string => new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
const bytesOf = (size: number): Buffer => Buffer.from(Uint8Array.from({ length: size }, (_, at) => (at * 13) & 0xff));

async function phone(server: TestServer, login: IClientOptions): Promise<{ client: MqttClient; heard: Heard[] }> {
  const client = await mqtt.connectAsync(`mqtt://${server.mqtt}`, { reconnectPeriod: 0, ...login });
  const heard: Heard[] = [];
  client.on("message", (_, payload) => void heard.push(JSON.parse(String(payload))));
  return { client, heard };
}

test("what fits a packet stands in it beside its file, what does not has its file alone, and the bytes are the same", async () => {
  await using server = await startTestServer();
  const [anna = "", ben = ""] = await enroll(server, "anna", "ben");
  await room(server, "team", "anna", "ben");
  const asBen: IClientOptions = { username: "ben", password: ben, clientId: "ben-phone", clean: false };
  const sender = await phone(server, { username: "anna", password: anna, clientId: "anna-phone" });
  const listener = await phone(server, asBen);
  await listener.client.subscribeAsync("chat/team/messages", { qos: 1 });
  const [small, large] = [bytesOf(300 * kib), bytesOf(700 * kib)];
  const said = JSON.stringify({ content: small.toString("base64"), type: "image" });
  const say = async (): Promise<void> => {
    // Not awaited one by one: what one client says keeps its order, whatever waits for a file.
    const sent = [small, "between", said, large, "after"].map((payload) =>
      sender.client.publishAsync("chat/team/send", payload, { qos: 1 }),
    );
    await Promise.all(sent);
  };
  const fileOf = (bytes: Buffer) => ({
    hash: hashOf(bytes),
    url: `/_/files/${hashOf(bytes)}`,
    bytes: bytes.byteLength,
    type: "application/octet-stream",
  });
  const expected = [
    { content: small.toString("base64"), encoding: "base64", file: fileOf(small) },
    { content: "between" },
    { content: small.toString("base64"), file: fileOf(small) },
    { file: fileOf(large) },
    { content: "after" },
  ];
  const check = (heard: readonly Heard[], firstSeq: number): void => {
    const shown = heard.map(({ seq, content, encoding, file }) => ({ seq, content, encoding, file }));
    expect(shown).toEqual(
      expected.map((one, index) => ({
        content: undefined,
        encoding: undefined,
        file: undefined,
        ...one,
        seq: firstSeq + index,
      })),
    );
  };
  await say();
  await until("the messages", () => listener.heard.length >= 5);
  check(listener.heard, 1);
  await listener.client.endAsync();
  await say();
  const returned = await phone(server, asBen);
  await until("what was missed", () => returned.heard.length >= 5);
  check(returned.heard, 6);
  const url = `http://${server.http}${returned.heard[3]?.file?.url}`;
  const served = await fetch(url, { headers: { Authorization: `Bearer ${ben}` } });
  expect(Buffer.compare(await served.bytes(), large)).toBe(0);
  await returned.client.endAsync();
  await sender.client.endAsync();
});
