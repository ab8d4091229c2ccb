/** Log-ins by phone among a user's others: listed with them, and ended from any door. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { until } from "../support/deadline.ts";
import { openStopped } from "../support/open-stopped.ts";
import { RosterClient } from "./client.ts";
import { anna, bob, no, only, profile, start } from "./profiles.ts";

const nobody = { connectionId: 0, tokenId: undefined };

test("a log-in by phone is listed with its client, whether that logged in on this connection or before it", async () => {
  await using stage = await start();
  await using owner = await stage.logIn(anna, "first");
  await using other = await stage.logIn(bob);
  const { domain } = stage.server;
  const user = await domain.store.findUser(owner.userId);
  if (user === undefined) throw new Error("nobody logged in");
  await using again = await RosterClient.connect(stage.server, "second", {
    username: "api",
    password: Buffer.from(owner.token),
  });
  const list = await domain.logIns.list(user, nobody);
  const id = list[2]?.id ?? ""; // The matchers below are written over it.
  expect(list).toMatchObject([
    { kind: "connection", door: "mqtt", name: "first", by: id },
    { kind: "connection", door: "mqtt", name: "second", by: id },
    { kind: "phone", door: "mqtt", name: "first", online: true, own: false, id: expect.stringMatching(/^p\d+$/) },
  ]);
  expect(list).toHaveLength(3);

  expect(await domain.logIns.end(user, id, 0)).toEqual({ own: false });
  expect(only(await again.ask(profile("get")))).toEqual(no("not_authorized"));
  expect(await owner.ask(profile("get"))).toEqual(no("not_authorized"));
  expect(await domain.logIns.list(user, nobody)).toEqual([]);
  expect(await other.ask(profile("get"))).toMatchObject({ 0: ":Profile" });
  const foreign = await domain.store.listPhoneSessions(bob);
  const refused = await domain.logIns.end(user, `p${foreign[0]?.sessionId}`, 0).catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: "session_not_found" });
});

test("disabling a user ends their log-ins by phone, and they get no new one", async () => {
  await using stage = await start();
  await using owner = await stage.logIn(anna);
  const { domain } = stage.server;
  await domain.accountRemoval.disable(owner.userId as never);
  expect(await owner.ask(profile("get"))).toEqual(no("not_authorized"));
  expect(await domain.store.listPhoneSessions(anna)).toEqual([]);
  expect(await domain.phoneSessions.logInWithToken(owner.token, { address: "127.0.0.1" })).toBeUndefined();
});

test("removing the only user of a profile removes the profile, and the phone may begin anew", async () => {
  await using stage = await start();
  const owner = await stage.logIn(anna);
  const { domain } = stage.server;
  await domain.accountRemoval.remove(owner.userId as never);
  await owner.client[Symbol.asyncDispose]();
  expect(await domain.store.findProfile(anna)).toBeUndefined();
  await using again = await stage.logIn(anna, "again");
  expect(again.userId).not.toBe(owner.userId);
  expect(await again.ask(profile("get"))).toMatchObject({ 0: ":Profile", 1: anna });
});

test.each(["disable", "remove"] as const)(
  "after %s nothing waits for the user's clients, whether they are there or away",
  async (end) => {
    await using stage = await start();
    await using owner = await stage.logIn(anna, "first");
    const stored = { password: Buffer.from(owner.token), clean: false };
    await using there = await RosterClient.connect(stage.server, "there", stored);
    {
      await using away = await RosterClient.connect(stage.server, "away", stored);
      await away.heard();
    }
    using db = openStopped(join(stage.server.dataDir, "roost.db"), { readonly: true });
    const sessions = db.prepare<{ clientId: string }, [string]>(
      "SELECT client_id clientId FROM mqtt_sessions WHERE principal_key = ? ORDER BY client_id",
    );
    const waiting = (): string[] => sessions.all(`user:${owner.userId}`).map(({ clientId }) => clientId);
    expect(waiting()).toEqual(["away", "there"]);
    await stage.server.domain.accountRemoval[end](owner.userId as never);
    expect(only(await there.ask(profile("get")))).toEqual(no("not_authorized"));
    await until("the sessions' end", () => waiting().length === 0);
    expect(only(await there.ask(profile("get")))).toEqual(no("not_authorized"));
  },
);
