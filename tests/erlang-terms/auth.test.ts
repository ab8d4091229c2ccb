/** AUTH beside its table: other dialects, a telephone of one's own that sends the codes, and what is kept of secrets. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { encode } from "@msgpack/msgpack";
import { openStopped } from "../support/open-stopped.ts";
import { RawMqtt } from "../support/raw-mqtt.ts";
import { AuthStage } from "./auth-table/stage.ts";

test("the same in MessagePack and in JSON is answered in kind", async () => {
  await using stage = await AuthStage.start();
  const [anna, bob] = [stage.person(), stage.person()];
  const fields = ["Auth", anna.devKey, null, anna.phone, null, null, null, null, null, null];
  await using packed = await stage.connect();
  const [first] = await packed.ask(Buffer.from(encode(fields)));
  expect(first?.payload[0]).toBe(0x93);
  await using text = await stage.connect();
  const json = ["Auth", bob.devKey, ...fields.slice(2)];
  json[3] = bob.phone;
  const [second] = await text.ask(Buffer.from(` ${JSON.stringify(json)}`));
  const [io, [kind, what, token], data] = JSON.parse(String(second?.payload));
  expect([io, kind, what, data]).toEqual(["io", "ok", "sms_send", ""]);
  const verify = ["Auth", "", "", "", token, "", "verify", stage.codeOf(bob.phone), "", []];
  const [third] = await text.ask(Buffer.from(JSON.stringify(verify)));
  expect(JSON.parse(String(third?.payload))).toEqual(["io", ["ok", "login", token], ""]);
});

test("codes go to the device that sends them, and to no other listener", async () => {
  await using stage = await AuthStage.start({ ROOST_SMS_ADAPTER: "device" });
  const { server } = stage;
  const { devices, accounts } = server.domain;
  const modem = await devices.add({ name: "modem", subscribe: ["sms/send"] });
  const lamp = await devices.add({ name: "lamp" });
  const [anna] = await accounts.provision([{ username: "anna" }]);
  const listen = async (username: string, password = "") => {
    const raw = await RawMqtt.connect(server.mqttPort, { username, password: Buffer.from(password) });
    await raw.subscribe("#", 1);
    await raw.subscribe("sms/send", 1);
    return raw;
  };
  await using client = await stage.connect();
  const person = stage.person();
  const { what, token } = await stage.ask(client, { request: "issue", ...person });
  expect(what).toBe("sms_send");
  const resend = async () => (await stage.ask(client, { request: "resend", token })).kind;
  expect(await resend()).toBe("error"); // nobody is there to send it
  await using lampClient = await listen("lamp", lamp.password);
  await using annaClient = await listen("anna", anna?.accessToken);
  expect(await resend()).toBe("error");
  await using modemClient = await RawMqtt.connect(server.mqttPort, {
    username: "modem",
    password: Buffer.from(modem.password ?? ""),
  });
  expect(await modemClient.subscribe("sms/send", 1)).toBe(1);
  expect(await resend()).toBe("ok");
  const { to, text } = JSON.parse(String((await modemClient.expect("publish")).payload));
  expect(to).toBe(person.phone);
  const [code] = /\d{6}/.exec(text) ?? [];
  expect(await stage.ask(client, { request: "verify", token, code })).toEqual({ kind: "ok", what: "login", token });
  expect([await lampClient.fence(), await annaClient.fence()]).toEqual([[], []]);
  expect(stage.sent).toEqual([]);
});

test("neither codes nor tokens are in the database", async () => {
  await using stage = await AuthStage.start();
  const [anna, bob] = [stage.person(), stage.person()];
  const token = await stage.logIn(anna);
  const pending = await stage.begin(bob);
  const db = openStopped(join(stage.server.dataDir, "roost.db"), { readonly: true });
  const tables = db.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").values() as [string][];
  const all = JSON.stringify(tables.map(([table]) => db.prepare(`SELECT * FROM "${table}"`).values()));
  db.close();
  expect(all).toContain(bob.phone);
  for (const secret of [token, pending.token, stage.codeOf(anna.phone), pending.code]) {
    expect(all).not.toMatch(new RegExp(`\\b${secret}\\b`)); // A time may have any six digits in it.
  }
});
