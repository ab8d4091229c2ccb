/** What codes cost, over sockets: the limits hold through a restart, and nobody's share is another's. */
import { expect, test } from "bun:test";
import { AuthStage } from "./auth-table/stage.ts";
import { RosterClient } from "./client.ts";

test("no number gets a new hour or a new day by a restart", async () => {
  await using stage = await AuthStage.start({ ROOST_SMS_PER_DAY: "7", ROOST_SMS_COUNTRIES: "UA" });
  const [often, once, late] = [stage.person(), stage.person(), stage.person()];
  const { token } = await stage.begin(often);
  await using client = await stage.connect();
  const resend = { request: "resend", token } as const;
  for (let at = 1; at < 5; at++) expect((await stage.ask(client, resend)).kind).toBe("ok");
  expect((await stage.ask(client, resend)).kind).toBe("error");
  await stage.begin(once);
  expect(stage.sent.length).toBe(6);

  await using server = await stage.server.restart();
  await using again = await RosterClient.connect(server, "again");
  expect(await stage.ask(again, resend)).toEqual({ kind: "error", what: "sms_send", token });
  stage.clock.advance(3_600_000);
  expect(await stage.ask(again, resend)).toEqual({ kind: "ok", what: "sms_send", token });
  // Seven in a day are all there are.
  const refused = await stage.ask(again, { request: "issue", ...late });
  expect([refused.kind, refused.what, stage.sent.length]).toEqual(["error", "sms_send", 7]);
  stage.clock.advance(23 * 3_600_000);
  expect((await stage.ask(again, { request: "resend", token: refused.token })).kind).toBe("ok");
});

test("where many countries have used up most of the day, another still gets its codes", async () => {
  await using stage = await AuthStage.start({ ROOST_SMS_PER_DAY: "40" });
  await using client = await stage.connect();
  const ask = (phone: string) => stage.ask(client, { request: "issue", devKey: `of-${phone}`, phone });
  for (let at = 0; at < 60; at++) await ask(stage.person().phone);
  expect(stage.sent.length).toBe(30);
  expect((await ask("491521234567")).kind).toBe("ok");
  expect((await ask("491521234568")).kind).toBe("error"); // It has had its tenth of what is left.
  expect((await ask("420601123456")).kind).toBe("ok");
  expect(stage.sent.at(-1)?.to).toBe("420601123456");
});
