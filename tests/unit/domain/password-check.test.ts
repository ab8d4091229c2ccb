/** What is remembered of passwords: what costs a hash and what does not, and who waits for whom. */
import { expect, test } from "bun:test";
import { DomainError } from "../../../src/domain/errors.ts";
import { createPasswordCheck } from "../../../src/domain/people/password-check.ts";
import { createTestGuard } from "../../support/login-guard.ts";
import { createManualClock } from "../../support/manual-clock.ts";

function stage() {
  const clock = createManualClock();
  const guard = createTestGuard(clock);
  const hashed: string[] = [];
  let holding: Promise<void> | undefined;
  let busy = 0;
  const verify = async (password: string, hash: string | undefined): Promise<boolean> => {
    hashed.push(password);
    await holding;
    if (busy > 0) {
      busy -= 1;
      throw new DomainError("busy");
    }
    return hash === `hash of ${password}`;
  };
  const check = createPasswordCheck({ guard, passwords: { verify }, clock });
  const show = (password: string, more: { hash?: string | undefined; address?: string; subject?: string } = {}) => {
    const { subject = "user:10001", address = "192.0.2.1" } = more;
    const hash = "hash" in more ? more.hash : "hash of right";
    return check.isRight({ subject, exists: hash !== undefined, hash, password, address }).then(
      (right) => (right ? "right" : "wrong"),
      (error: unknown) => (error instanceof DomainError ? error.code : "failed"),
    );
  };
  return {
    clock,
    guard,
    hashed,
    show,
    /** Hashes take until the answer is called; so many of them end in "busy". */
    hold(busyCount = 0): () => void {
      const { promise, resolve } = Promise.withResolvers<void>();
      holding = promise;
      busy = busyCount;
      return resolve;
    },
  };
}

const times = <Value>(count: number, make: (n: number) => Value): Value[] =>
  Array.from({ length: count }, (_, n) => make(n));

test("two hundred that show the same right password at once cost one hash, and so does all that comes later", async () => {
  const { show, hashed, hold } = stage();
  const finish = hold();
  const shown = times(200, (n) => show("right", { address: `192.0.2.${n}` }));
  finish();
  expect(new Set(await Promise.all(shown))).toEqual(new Set(["right"]));
  expect(await show("right", { address: "198.51.100.1" })).toBe("right");
  expect(hashed).toEqual(["right"]);
});

test("what was remembered is void when the record changes", async () => {
  const { show, hashed } = stage();
  expect([await show("right"), await show("right")]).toEqual(["right", "right"]);
  expect(await show("right", { hash: "hash of another" })).toBe("wrong");
  expect(await show("another")).toBe("wrong");
  expect(await show("another", { hash: "hash of another" })).toBe("right");
  expect(hashed).toEqual(["right", "right", "another", "another"]);
});

test("the same wrong password again costs no hash, waits by itself, and holds up no other", async () => {
  const { show, hashed, clock } = stage();
  const answers: string[] = [];
  for (let n = 0; n < 1000; n += 1) answers.push(await show("old"));
  expect(answers).toEqual([...Array(10).fill("wrong"), ...Array(990).fill("try_later")]);
  expect(hashed).toEqual(["old"]);
  expect(await show("right")).toBe("right");
  clock.advance(1000);
  expect([await show("old"), await show("old")]).toEqual(["wrong", "try_later"]);
});

test("an unknown name costs what a known one costs, the first time and again", async () => {
  const { show, hashed } = stage();
  const nobody = { hash: undefined, subject: "name:nobody" };
  for (let n = 0; n < 3; n += 1) expect(await show("a", nobody)).toBe("wrong");
  expect(await show("a", { ...nobody, subject: "name:other" })).toBe("wrong");
  expect(hashed).toEqual(["a", "a"]);
});

test("different wrong passwords count one by one, and hold up the right one from their network alone", async () => {
  const { show, guard, hashed } = stage();
  guard.networks.loggedIn("user:10001", "203.0.113.1");
  const answers = [];
  for (let n = 0; n < 1000; n += 1) answers.push(await show(`guess ${n}`));
  expect(answers).toEqual([...Array(10).fill("wrong"), ...Array(990).fill("try_later")]);
  expect(hashed).toHaveLength(10);
  expect(await show("right")).toBe("try_later");
  expect(await show("right", { address: "203.0.113.1" })).toBe("right");
  // Also where it is remembered, or it could be guessed without a wait.
  expect(await show("right")).toBe("try_later");
  expect(await show("right", { address: "198.51.100.1" })).toBe("right");
  expect(await show("a", { subject: "user:10002", hash: "hash of a" })).toBe("right");
});

test("who waits for the hash of another that is refused asks for one of their own", async () => {
  const { show, hashed, hold } = stage();
  const finish = hold(1);
  const shown = times(5, () => show("right"));
  finish();
  expect((await Promise.all(shown)).sort()).toEqual(["busy", "right", "right", "right", "right"]);
  expect(hashed).toEqual(["right", "right"]);
});

test("a try that was refused for want of room is not counted", async () => {
  const { show, hold } = stage();
  hold(15)();
  for (let n = 0; n < 15; n += 1) expect(await show(`guess ${n}`)).toBe("busy");
  expect(await show("right")).toBe("right");
});
