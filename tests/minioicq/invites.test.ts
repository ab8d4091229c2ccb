/** Registration by invitation: counted in the change that makes the user, and refused before a password is worked on. */
import { describe, expect, test } from "bun:test";
import { createManualClock } from "../support/manual-clock.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { encodings, MiniClient } from "./client.ts";

const day = 86_400_000;
const env = { ROOST_REGISTRATION: "invite" };
const invalid = { action: "auth.register.fail", reason: "Invalid invite" };

async function register(server: TestServer, invite: unknown, encoding: "json" | "msgpack" = "json") {
  using client = await MiniClient.connect(server.http, encoding);
  return await client.ask({ action: "auth.register", user_name: "Ann", password: "secret", invite });
}

describe.each([...encodings])("in %s", (encoding) => {
  test("who shows a good invitation may register, as often as it says", async () => {
    await using server = await startTestServer({ env });
    const { code } = await server.domain.accounts.invite({ uses: 2, lifetimeMs: day });
    for (const wrong of [undefined, "", "ri_nobody", `${code}x`]) {
      expect<unknown>([wrong, await register(server, wrong, encoding)]).toEqual([wrong, invalid]);
    }
    for (const wrong of [5, ["x"], "x".repeat(257)]) expect(await register(server, wrong, encoding)).toEqual(invalid);
    for (let uses = 0; uses < 2; uses += 1) {
      expect((await register(server, code, encoding)).action).toBe("auth.register.success");
    }
    expect(await register(server, code, encoding)).toEqual(invalid);
    expect(await server.domain.store.countUsers()).toBe(2);
  });

  test("of many who come at once with one invitation, as many as it is for get in", async () => {
    await using server = await startTestServer({ env });
    const { code } = await server.domain.accounts.invite({ uses: 2, lifetimeMs: day });
    const answers = await Promise.all(Array.from({ length: 6 }, () => register(server, code, encoding)));
    expect(answers.filter(({ action }) => action === "auth.register.success")).toHaveLength(2);
    expect(answers.filter(({ reason }) => reason === "Invalid invite")).toHaveLength(4);
    expect(await server.domain.store.countUsers()).toBe(2);
  });
});

test("an invitation ends with its time, and outlives a restart until then", async () => {
  const clock = createManualClock();
  await using first = await startTestServer({ env, clock });
  const { code, expiresAtMs } = await first.domain.accounts.invite({ uses: 5, lifetimeMs: day });
  expect(expiresAtMs).toBe(clock.nowMs() + day);
  await using server = await first.restart();
  expect((await register(server, code)).action).toBe("auth.register.success");
  clock.advance(day);
  expect(await register(server, code)).toEqual(invalid);
});

test("guesses are counted per address, and a right code passes all the same", async () => {
  await using server = await startTestServer({ env: { ...env, ROOST_LOGIN_FAILURES_PER_MINUTE: "3" } });
  const { code } = await server.domain.accounts.invite({ uses: 1, lifetimeMs: day });
  for (let guesses = 0; guesses < 3; guesses += 1) expect(await register(server, "ri_guess")).toEqual(invalid);
  expect(await register(server, "ri_guess")).toMatchObject({ reason: expect.stringMatching(/later/) });
  expect((await register(server, code)).action).toBe("auth.register.success");
});

test("where everybody may register no invitation is used up, and where nobody may none helps", async () => {
  await using open = await startTestServer();
  const { code } = await open.domain.accounts.invite({ uses: 1, lifetimeMs: day });
  for (let uses = 0; uses < 2; uses += 1) expect((await register(open, code)).action).toBe("auth.register.success");
  await using off = await startTestServer({ env: { ROOST_REGISTRATION: "off" } });
  const made = await off.domain.accounts.invite({ uses: 1, lifetimeMs: day });
  expect(await register(off, made.code)).toEqual({ action: "auth.register.fail", reason: "Registration closed" });
});

test("by phone nobody new comes in: there is no field for an invitation", async () => {
  await using server = await startTestServer({ env });
  const request = {
    devKey: "d",
    phone: "380001",
    token: undefined,
    address: "127.0.0.1",
    clientId: "c",
    language: undefined,
  };
  const refused = await server.domain.phoneSessions.issue(request).catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: "registration_closed" });
});

describe("of users", () => {
  const users = { ...env, ROOST_INVITES: "users" };

  async function invited(server: TestServer): Promise<{ client: MiniClient; id: string }> {
    const { code } = await server.domain.accounts.invite({ uses: 1, lifetimeMs: day });
    const client = await MiniClient.connect(server.http, "json");
    const made = { action: "auth.register", user_name: "Ann", password: "secret", invite: code };
    return { client, id: String((await client.ask(made))["user_id"]) };
  }

  test("each lets in one person, whom it makes an invited user, and a user has ten in seven days", async () => {
    const clock = createManualClock();
    await using server = await startTestServer({ env: users, clock });
    const { client } = await invited(server);
    using _ = client;
    const made = await client.ask({ action: "invite.create" });
    expect(made).toMatchObject({
      action: "invite.create.success",
      expires: new Date(clock.nowMs() + 7 * day).toISOString(),
    });
    const { user_id: id } = await register(server, made["invite"]);
    expect((await server.store.findUser(Number(id)))?.madeBy).toBe("invited");
    expect(await register(server, made["invite"])).toEqual(invalid);
    for (let n = 1; n < 10; n += 1) expect(await client.ask({ action: "invite.create" })).toHaveProperty("invite");
    const tooMany = { action: "invite.create.fail", reason: "Too many invites" };
    expect(await client.ask({ action: "invite.create" })).toEqual(tooMany);
    await using again = await server.restart();
    const user =
      (await again.store.findUserByLoginName("nobody")) ?? (await again.store.listUsers({ after: 0, limit: 1 }))[0];
    expect(await again.domain.accounts.inviteAs(user as never).catch((error: unknown) => error)).toMatchObject({
      code: "too_many_invites",
    });
    clock.advance(7 * day);
    expect(await again.domain.accounts.inviteAs(user as never)).toHaveProperty("code");
  });

  test("end when their user is disabled or removed", async () => {
    await using server = await startTestServer({ env: users });
    for (const end of ["disable", "remove"] as const) {
      const { client, id } = await invited(server);
      using _ = client;
      const { invite } = await client.ask({ action: "invite.create" });
      await server.domain.accountRemoval[end](Number(id) as never);
      expect([end, await register(server, invite)]).toEqual([end, invalid]);
    }
  });

  test("are made where the operator lets users alone, and where someone may register", async () => {
    await using operators = await startTestServer({ env });
    const ann = await invited(operators);
    using _ = ann.client;
    expect(await ann.client.ask({ action: "invite.create" })).toEqual({
      action: "invite.create.fail",
      reason: "Not authorized",
    });
    await using off = await startTestServer({ env: { ...users, ROOST_REGISTRATION: "off" } });
    const { userId } = await off.domain.accounts.add({ nick: "Ann", password: "secret" });
    using client = await MiniClient.connect(off.http, "json");
    await client.login(userId);
    expect(await client.ask({ action: "invite.create" })).toEqual({
      action: "invite.create.fail",
      reason: "Registration closed",
    });
  });
});
