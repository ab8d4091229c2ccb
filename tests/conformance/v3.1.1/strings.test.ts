/** Strings, topic names and topic filters on the wire, MQTT 3.1.1 §§ 1.5.3 and 4.7. */
import { expect, test } from "bun:test";
import type { IPublishPacket } from "mqtt-packet";
import { field, packet, uint16 } from "../../support/packet-bytes.ts";
import { publishPacket, RawMqtt } from "../../support/raw-mqtt.ts";
import { startTestBroker } from "../../support/test-broker.ts";
import { closedAfterConnect, closedFor, connectBytes, WireClient } from "../../support/wire.ts";

const will = 0x04;
const username = 0x80;

/** Every packet a client sends that has a string in it, with that string. */
function connectsWith(text: Buffer): Buffer[] {
  return [
    connectBytes({ payload: [text] }),
    connectBytes({ flags: 2 | will, payload: [field("id"), text, field("message")] }),
    connectBytes({ flags: 2 | username, payload: [field("id"), text] }),
  ];
}
function othersWith(text: Buffer): Buffer[] {
  return [
    packet(0x30, text),
    packet(0x32, text, uint16(1)),
    packet(0x82, uint16(1), text, 0),
    packet(0xa2, uint16(1), text),
  ];
}

async function closedForEvery(contents: readonly (readonly number[])[]): Promise<void> {
  await using server = await startTestBroker();
  for (const content of contents) {
    const text = field(content);
    for (const bytes of connectsWith(text)) expect(await closedFor(server, bytes)).toEqual([]);
    for (const bytes of othersWith(text)) await closedAfterConnect(server, bytes);
  }
}

test("[MQTT-1.5.3-1] a string that is not well-formed UTF-8 closes the connection, in whatever packet it stands", async () => {
  await closedForEvery([
    [0xed, 0xa0, 0x80], // U+D800
    [0xed, 0xbf, 0xbf], // U+DFFF
    [0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80], // a pair of them is no better
    [0x61, 0xc3], // cut short
    [0x80], // a continuation of nothing
    [0xc0, 0xaf], // "/" in more bytes than it needs
    [0xf4, 0x90, 0x80, 0x80], // beyond U+10FFFF
    [0xff],
  ]);
});

test("[MQTT-1.5.3-2] a string with U+0000 closes the connection, in whatever packet it stands", async () => {
  await closedForEvery([[0], [0x61, 0, 0x62], [0x61, 0], [0xc3, 0xa9, 0]]);
});

test("[MQTT-1.5.3-3] U+FEFF is a character like any other, at the start of a string too", async () => {
  const seen: unknown[] = [];
  await using server = await startTestBroker({
    identity: {
      async authenticate({ clientId, username: name }) {
        seen.push(clientId, name);
        return { principal: { key: "someone" }, persistent: false };
      },
    },
  });
  const bom = "\ufeff";
  await using watcher = await RawMqtt.connect(server.port, { clientId: "watcher" });
  await watcher.subscribe("#");
  await using client = await WireClient.connect(server.port, {
    flags: 2 | will | username,
    payload: [field(`${bom}id`), field(`${bom}will`), field("gone"), field(`${bom}name`)],
  });
  expect(seen.slice(-2)).toEqual([`${bom}id`, `${bom}name`]);
  client.send(packet(0x82, uint16(1), field(`${bom}t`), 0), packet(0x30, field("t")), packet(0x30, field(`${bom}t`)));
  expect(await client.next()).toBe("9003000100");
  expect(await client.next()).toBe(packet(0x30, field(`${bom}t`)).toString("hex"));
  client.send(packet(0xa2, uint16(2), field(`${bom}t`)), packet(0x30, field(`${bom}t`)));
  expect(await client.next()).toBe("b0020002");
  expect(await client.fence()).toEqual([]);
  client.send(packet(0xf0));
  await client.closing();
  const heard = (await watcher.fence()) as IPublishPacket[];
  expect(heard.map(({ topic }) => topic)).toEqual(["t", `${bom}t`, `${bom}t`, `${bom}will`]);
});

test("[MQTT-3.3.2-2] [MQTT-4.7.1-1] a wildcard in a topic name closes the connection, and the server sends none itself", async () => {
  await using server = await startTestBroker();
  for (const topic of ["#", "+", "a/#", "a/+/b", "a+", "a#b", "$SYS/#"]) {
    await closedAfterConnect(server, packet(0x30, field(topic)));
    await closedAfterConnect(server, packet(0x32, field(topic), uint16(1)));
    const asWill = connectBytes({ flags: 2 | will, payload: [field("id"), field(topic), field("x")] });
    expect(await closedFor(server, asWill)).toEqual([]);
    expect(() => server.broker.publish(topic, Buffer.from("x"), 0)).toThrow();
  }
});

async function closedForFilters(filters: readonly string[]): Promise<void> {
  await using server = await startTestBroker();
  for (const filter of filters) {
    await closedAfterConnect(server, packet(0x82, uint16(1), field(filter), 0));
    await closedAfterConnect(server, packet(0x82, uint16(1), field("good"), 0, field(filter), 0));
    await closedAfterConnect(server, packet(0xa2, uint16(1), field(filter)));
  }
}

test("[MQTT-4.7.1-2] a # that is not the last and whole level of a filter closes the connection", async () => {
  await closedForFilters(["sport/tennis#", "sport/tennis/#/ranking", "#/a", "##", "a#", "#a"]);
});

test("[MQTT-4.7.1-3] a + that is not a whole level of a filter closes the connection", async () => {
  await closedForFilters(["sport+", "+sport", "a/+b/c", "++", "a/++"]);
});

/** Which of `topics` reach a client subscribed to `filter`. */
async function heard(filter: string, topics: readonly string[]): Promise<string[]> {
  await using server = await startTestBroker();
  await using client = await RawMqtt.connect(server.port);
  await client.subscribe(filter);
  for (const topic of topics) client.send(publishPacket(topic, "x"));
  return ((await client.fence()) as IPublishPacket[]).map(({ topic }) => topic);
}

test("[MQTT-3.3.2-3] what reaches a subscriber has a topic its filter matches", async () => {
  const topics = ["sport", "sport/", "sport/tennis", "sport/tennis/player1", "/finance", "finance", "Sport"];
  expect(await heard("sport/#", topics)).toEqual(topics.slice(0, 4));
  expect(await heard("sport/+", topics)).toEqual(["sport/", "sport/tennis"]);
  expect(await heard("+/+", topics)).toEqual(["sport/", "sport/tennis", "/finance"]);
  expect(await heard("/+", topics)).toEqual(["/finance"]);
  expect(await heard("+", topics)).toEqual(["sport", "finance", "Sport"]);
  expect(await heard("sport", topics)).toEqual(["sport"]);
  expect(await heard("#", topics)).toEqual(topics);
});

test("[MQTT-4.7.2-1] a filter that starts with a wildcard hears no topic that starts with $", async () => {
  const topics = ["$other/a", "$other", "a/$b", "a"];
  expect(await heard("#", topics)).toEqual(["a/$b", "a"]);
  expect(await heard("+/a", topics)).toEqual([]);
  expect(await heard("+/#", topics)).toEqual(["a/$b", "a"]);
  expect(await heard("+", topics)).toEqual(["a"]);
  expect(await heard("$other/#", topics)).toEqual(["$other/a", "$other"]);
  expect(await heard("$other/+", topics)).toEqual(["$other/a"]);
});

test("[MQTT-4.7.3-1] an empty topic name or filter closes the connection", async () => {
  await using server = await startTestBroker();
  await closedAfterConnect(server, packet(0x30, field("")));
  await closedAfterConnect(server, packet(0x32, field(""), uint16(1)));
  await closedForFilters([""]);
  const asWill = connectBytes({ flags: 2 | will, payload: [field("id"), field(""), field("x")] });
  expect(await closedFor(server, asWill)).toEqual([]);
  expect(() => server.broker.publish("", Buffer.from("x"), 0)).toThrow();
});

test("[MQTT-4.7.3-2] a topic name or filter with U+0000 closes the connection", async () => {
  await using server = await startTestBroker();
  for (const topic of ["\0", "a\0", "a/\0/b", "ä\0"]) await closedAfterConnect(server, packet(0x30, field(topic)));
  await closedForFilters(["\0", "a\0", "a/\0/#"]);
});

test("[MQTT-4.7.3-3] no topic of more than 65,535 bytes leaves the server, the longest one allowed does", async () => {
  await using server = await startTestBroker({ limits: { topicBytesMax: 65_535 } });
  await using client = await WireClient.connect(server.port);
  client.send(packet(0x82, uint16(1), field("#"), 0));
  expect(await client.next()).toBe("9003000100");
  expect(() => server.broker.publish("x".repeat(65_536), Buffer.from("x"), 0)).toThrow();
  expect(await client.fence()).toEqual([]);
  const longest = packet(0x30, field("x".repeat(65_535)));
  client.send(longest);
  expect(await client.next()).toBe(longest.toString("hex"));
});

test("[MQTT-4.7.3-4] topics are compared as they are: no normalization, no other case, no path arithmetic", async () => {
  const alike = [
    "caf\u00e9",
    "cafe\u0301",
    "CAF\u00c9",
    "caf\u00e9 ",
    " caf\u00e9",
    "caf\u00e9/",
    "/caf\u00e9",
    "caf%C3%A9",
  ];
  for (const filter of alike) expect(await heard(filter, alike)).toEqual([filter]);
  const paths = ["a/b", "a//b", "a/./b", "a/x/../b", "a\\b", "A/b", "a/b\ufeff", "a/b\u0001", "a/b\uffff"];
  for (const filter of paths) expect(await heard(filter, paths)).toEqual([filter]);
});
