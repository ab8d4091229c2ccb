/** Passwords: hashed as promised, a few at once, the rest in a queue with an end. */
import { expect, test } from "bun:test";
import { DomainError } from "../../../src/domain/errors.ts";
import { createPasswords, passwordBytesMax } from "../../../src/domain/people/passwords.ts";

/** Cheap to verify, so that a queue of hundreds is through in no time. */
const cheap = await Bun.password.hash("right", { algorithm: "argon2id", memoryCost: 8, timeCost: 1 });
const queueMax = 256;

const asker = { network: "192.0.2.1", account: "user:10001" };

const codeOf = (error: unknown) => (error instanceof DomainError ? error.code : error);

/** One at work and a queue filled to its end. */
function filled(passwords: ReturnType<typeof createPasswords>): Promise<boolean>[] {
  return Array.from({ length: queueMax + 1 }, (_, n) =>
    passwords.verify(n % 2 === 0 ? "right" : "wrong", cheap, asker),
  );
}

test("a password is hashed with argon2id, 19 MiB and two passes, salted each time", async () => {
  const passwords = createPasswords({ atOnceMax: 2 });
  const [one, two] = await Promise.all([passwords.hash("secret", asker), passwords.hash("secret", asker)]);
  expect(one).toStartWith("$argon2id$v=19$m=19456,t=2,p=1$");
  expect(one).not.toBe(two);
  expect(await passwords.verify("secret", one, asker)).toBe(true);
  expect(await passwords.verify("Secret", one, asker)).toBe(false);
});

test("an unknown account and an endless password are simply wrong", async () => {
  const passwords = createPasswords({ atOnceMax: 1 });
  expect(await passwords.verify("nobody", undefined, asker)).toBe(false);
  expect(await passwords.verify("x".repeat(passwordBytesMax + 1), cheap, asker)).toBe(false);
  expect(await passwords.verify("ü".repeat(passwordBytesMax / 2 + 1), cheap, asker)).toBe(false);
});

test("a full queue answers busy at once, and all who were in it are served", async () => {
  const passwords = createPasswords({ atOnceMax: 1 });
  const waiting = filled(passwords);
  const [first, second] = await Promise.allSettled([
    passwords.verify("right", cheap, asker),
    passwords.hash("x", asker),
  ]);
  expect([first, second].map((one) => one.status === "rejected" && codeOf(one.reason))).toEqual(["busy", "busy"]);
  expect(await Promise.all(waiting)).toEqual(waiting.map((_, n) => n % 2 === 0));
  expect(await passwords.verify("right", cheap, asker)).toBe(true);
});

test("no more than allowed are at work together, and they come in turn", async () => {
  const passwords = createPasswords({ atOnceMax: 1 });
  const order: number[] = [];
  await Promise.all(
    Array.from({ length: 20 }, (_, n) => passwords.verify("right", cheap, asker).then(() => void order.push(n))),
  );
  expect(order).toEqual(order.map((_, n) => n));
});

test("a hash that cannot be read fails its caller and keeps no other caller's place", async () => {
  const passwords = createPasswords({ atOnceMax: 1 });
  const outcomes = await Promise.allSettled([
    passwords.verify("right", "no hash at all", asker),
    passwords.verify("right", cheap, asker),
    passwords.verify("right", "nor this", asker),
    passwords.verify("right", cheap, asker),
  ]);
  expect(outcomes.map((one) => one.status)).toEqual(["rejected", "fulfilled", "rejected", "fulfilled"]);
  expect(await Promise.all(filled(passwords))).toHaveLength(queueMax + 1);
});

test("an unknown account met while busy is not refused for ever after", async () => {
  const passwords = createPasswords({ atOnceMax: 1 });
  const waiting = filled(passwords);
  const refused = await passwords.verify("x", undefined, asker).catch(codeOf);
  expect(refused).toBe("busy");
  await Promise.all(waiting);
  expect(await passwords.verify("x", undefined, asker)).toBe(false);
});

test("a password that is set has at least eight characters, however many bytes they take", () => {
  const accept = (password: string, charactersMin?: number) => {
    try {
      createPasswords(charactersMin === undefined ? {} : { charactersMin }).accept(password);
      return "accepted";
    } catch (error) {
      return codeOf(error);
    }
  };
  expect(["", "a", "1234567", "12345678", "ключключ", "😀😀😀😀"].map((password) => accept(password))).toEqual([
    "empty_name_or_password",
    "password_too_short",
    "password_too_short",
    "accepted",
    "accepted",
    "password_too_short",
  ]);
  expect(accept("x".repeat(passwordBytesMax + 1))).toBe("invalid_name");
  expect([accept("abc", 4), accept("abcd", 4)]).toEqual(["password_too_short", "accepted"]);
});
