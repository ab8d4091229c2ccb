/** "May X publish Y?" and the broker, side by side: what the one says the other does, in every mode. */
import { expect, test } from "bun:test";
import mqtt, { type MqttClient } from "mqtt";
import { createPermissionCheck } from "../../src/access/permission-check.ts";
import { createChatPermissions } from "../../src/chat-topics/permissions.ts";
import { createAdmins } from "../../src/domain/people/admins.ts";
import { withDeadline } from "../support/deadline.ts";
import { startTestServer } from "../support/server.ts";

const password = "correct horse";
const publishTopics = ["a", "out/lamp/1", "out/anna/1", "c/phone", "c/other", "chat/team/send", "chat/none/send"];
const moreTopics = ["chat/team/messages", "events/1", "user/1", "$SYS/broker/uptime", "$x"];
const filters = ["a", "#", "+/b", "in/lamp/+", "c/phone", "c/other", "chat/team/messages", "chat/#", "events/#"];
const moreFilters = [
  "$SYS/#",
  "$SYS/broker/uptime",
  "$share/g/a",
  "$share/g/#",
  "$share/g/chat/#",
  "$share/g/in/lamp/x",
];

const refused = (code: number): boolean => code >= 0x80;

/** Whether PUBACK is no refusal. */
function published(client: MqttClient, topic: string): Promise<boolean> {
  const done = client.publishAsync(topic, "x", { qos: 1 }).then(
    () => true,
    (error: { code?: unknown }) => {
      if (typeof error.code !== "number") throw error;
      return !refused(error.code);
    },
  );
  return withDeadline("PUBACK", done);
}

function subscribed(client: MqttClient, filter: string): Promise<boolean> {
  const done = new Promise<boolean>((resolve, reject) => {
    client.subscribe(filter, { qos: 1 }, (error, _granted, packet) => {
      const code = packet?.granted?.[0];
      if (typeof code === "number") resolve(!refused(code));
      else reject(error ?? new Error("no SUBACK"));
    });
  });
  return withDeadline("SUBACK", done);
}

test.each(["registration", "full", "off"] as const)("in mode %s the broker does what may says", async (mode) => {
  await using server = await startTestServer({ env: { ROOST_MQTT_ANONYMOUS: mode, ROOST_ADMINS: "root" } });
  const { domain } = server;
  for (const username of ["root", "anna", "ben"]) await domain.accounts.add({ nick: username, username, password });
  await domain.chats.putMembers({ chatKey: "team", people: [{ username: "anna" }], chatName: undefined });
  await domain.devices.add({ name: "plain", password });
  await domain.devices.add({
    name: "lamp",
    password,
    publish: ["out/%u/#", "c/%c"],
    subscribe: ["in/%u/+", "c/%c", "$SYS/broker/#"],
  });
  const may = createPermissionCheck({
    domain,
    rights: server.rights,
    admins: createAdmins(["root"]),
    anonymous: mode,
    services: [createChatPermissions(domain)],
  });
  const clientId = "phone";
  for (const name of ["root", "anna", "ben", "plain", "lamp"]) {
    const options = { protocolVersion: 5, reconnectPeriod: 0, clientId, username: name, password } as const;
    const client = await mqtt.connectAsync(`mqtt://${server.mqtt}`, options);
    client.on("error", () => {});
    for (const topic of [...publishTopics, ...moreTopics]) {
      const decision = await may({ name, action: "publish", topic, clientId });
      expect<unknown>([name, topic, await published(client, topic)]).toEqual([
        name,
        topic,
        decision?.allowed ?? "nobody",
      ]);
    }
    for (const topic of [...filters, ...moreFilters]) {
      const decision = await may({ name, action: "subscribe", topic, clientId });
      expect<unknown>([name, topic, await subscribed(client, topic)]).toEqual([
        name,
        topic,
        decision?.allowed ?? "nobody",
      ]);
    }
    await client.endAsync(true);
  }
});
