/** SCRAM-SHA-256 through MQTT 5's AUTH packets, with MQTT.js carrying what a client of RFC 5802 says. */
import { expect, test } from "bun:test";
import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import mqtt from "mqtt";
import { withDeadline } from "../support/deadline.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

const hmac = (key: Uint8Array, text: string) => createHmac("sha256", key).update(text).digest();
const method = "SCRAM-SHA-256";

interface Outcome {
  /** CONNACK's reason code. */
  readonly reasonCode: number;
  /** Whether the server proved that it has the password's keys. */
  readonly proved: boolean;
}

function logIn(server: TestServer, name: string, password: string): Promise<Outcome> {
  const first = `n=${name},r=abcdefgh`;
  const client = mqtt.connect(`mqtt://${server.mqtt}`, {
    protocolVersion: 5,
    reconnectPeriod: 0,
    properties: { authenticationMethod: method, authenticationData: Buffer.from(`n,,${first}`) },
  });
  let verifier = "";
  client.handleAuth = (packet, callback) => {
    const challenge = String(packet.properties?.authenticationData);
    const [, nonce = "", salt = "", iterations] = /^r=([^,]*),s=([^,]*),i=(\d+)$/.exec(challenge) ?? [];
    const salted = pbkdf2Sync(password, Buffer.from(salt, "base64"), Number(iterations), 32, "sha256");
    const clientKey = hmac(salted, "Client Key");
    const message = `${first},${challenge},c=biws,r=${nonce}`;
    const signature = hmac(createHash("sha256").update(clientKey).digest(), message);
    const proof = Buffer.from(clientKey.map((byte, at) => byte ^ (signature[at] ?? 0))).toString("base64");
    verifier = `v=${hmac(hmac(salted, "Server Key"), message).toString("base64")}`;
    callback(undefined, {
      cmd: "auth",
      reasonCode: 0x18,
      properties: {
        authenticationMethod: method,
        authenticationData: Buffer.from(`c=biws,r=${nonce},p=${proof}`),
      },
    });
  };
  const outcome = new Promise<Outcome>((resolve, reject) => {
    client.on("error", () => {}); // A refusal is one; CONNACK says more.
    client.on("close", () => reject(new Error("closed without CONNACK")));
    client.on("packetreceive", (packet) => {
      if (packet.cmd !== "connack") return;
      const proved = verifier !== "" && String(packet.properties?.authenticationData) === verifier;
      resolve({ reasonCode: packet.reasonCode ?? -1, proved });
    });
  });
  return withDeadline("CONNACK", outcome).finally(() => client.end(true));
}

test("a user and a device prove their passwords, and the server proves itself", async () => {
  await using server = await startTestServer();
  await server.domain.accounts.add({ nick: "Ann", username: "ann", password: "pässwörd" });
  const { password = "" } = await server.domain.devices.add({ name: "lamp" });
  const eve = { nick: "Eve", loginName: "eve", password: "eve's password", address: "127.0.0.1" };
  const { userId } = await server.domain.accounts.register(eve);
  const good = { reasonCode: 0, proved: true };
  for (const name of ["eve", String(userId)]) expect(await logIn(server, name, eve.password)).toEqual(good);
  expect(await logIn(server, "eve", "another")).not.toEqual(good);
  expect(await logIn(server, "ann", "pässwörd")).toEqual(good);
  expect(await logIn(server, "lamp", password)).toEqual(good);
  const bad = { reasonCode: 0x87, proved: false };
  expect(await logIn(server, "ann", "wrong")).toEqual(bad);
  expect(await logIn(server, "lamp", "wrong")).toEqual(bad);
  expect(await logIn(server, "nobody", "wrong")).toEqual(bad);
});
