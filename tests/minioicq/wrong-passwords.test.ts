/** One client that shows wrong passwords a thousand times keeps out nobody else. */
import { expect, test } from "bun:test";
import { createManualClock } from "../support/manual-clock.ts";
import { startTestServer } from "../support/server.ts";
import { MiniClient, newUser } from "./client.ts";

const later = "Too many attempts, try again later";

async function stage() {
  const clock = createManualClock();
  const server = await startTestServer({ clock, env: { ROOST_PROXY_TRUSTED: "loopback" } });
  const from = (address: string) =>
    MiniClient.connect(server.http, "json", { headers: { "X-Forwarded-For": address } });
  return { clock, server, from, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

/** Shows a thousand wrong passwords; gives how often each answer came. */
async function fail(client: MiniClient, id: string, passwordOf: (n: number) => string) {
  const told: Record<string, number> = {};
  for (let n = 0; n < 1000; n += 1) {
    const reason = String((await client.login(id, passwordOf(n)))["reason"]);
    told[reason] = (told[reason] ?? 0) + 1;
  }
  return told;
}

test("a guesser slows its own network alone, and for minutes at most", async () => {
  await using place = await stage();
  const { clock, server, from } = place;
  using home = await from("2001:db8:1:1::1");
  const registered = await home.register("Ann", "ann's password");
  const id = String(registered["user_id"]);
  using bob = (await newUser(server.http, "Bob")).client;
  await bob.fence();
  using guesser = await from("2001:db8:2:1::1");
  expect(await fail(guesser, id, (n) => `guess ${n}`)).toEqual({ "Incorrect password": 10, [later]: 990 });
  using neighbour = await from("2001:db8:2:2::9");
  expect((await neighbour.login(id, "ann's password"))["reason"]).toBe(later);
  expect((await neighbour.register("Carl", "carl's password")).action).toBe("auth.register.success");
  using again = await from("2001:db8:1:1:ffff::2");
  expect((await again.login(id, "ann's password")).action).toBe("auth.login.success");
  using abroad = await from("2001:db8:3:1::1");
  expect((await abroad.login(id, "ann's password")).action).toBe("auth.login.success");
  clock.advance(1000);
  expect((await neighbour.login(id, "ann's password")).action).toBe("auth.login.success");
});

test("a client with an old password keeps out none of its own network and account", async () => {
  await using place = await stage();
  const { from } = place;
  using home = await from("192.0.2.1");
  const id = String((await home.register("Ann", "ann's password"))["user_id"]);
  using old = await from("192.0.2.1");
  expect(await fail(old, id, () => "the old one")).toEqual({ "Incorrect password": 10, [later]: 990 });
  expect((await home.login(id, "ann's password")).action).toBe("auth.login.success");
});

test("the owner's network is known after a restart, when strangers used up what they share", async () => {
  await using place = await stage();
  const { from, server } = place;
  using home = await from("192.0.2.1");
  const id = String((await home.register("Ann", "ann's password"))["user_id"]);
  const account = `user:${id}`;
  // It is written with the next commit, of its own accord.
  while ((await server.store.findLogInNetwork({ account, network: "192.0.2.1" })) === undefined) await home.fence();
  await using next = await server.restart();
  const onNext = (address: string) =>
    MiniClient.connect(next.http, "json", { headers: { "X-Forwarded-For": address } });
  const told: unknown[] = [];
  for (let n = 0; n < 101; n += 1) {
    using stranger = await onNext(`198.51.100.${n}`);
    told.push((await stranger.login(id, `guess ${n}`))["reason"]);
  }
  expect(told).toEqual([...Array(100).fill("Incorrect password"), later]);
  using newPlace = await onNext("203.0.113.1");
  expect((await newPlace.login(id, "ann's password"))["reason"]).toBe(later);
  using owner = await onNext("192.0.2.1");
  expect((await owner.login(id, "ann's password")).action).toBe("auth.login.success");
});
