/** Logging in with a password: what is counted against whom. */
import { expect, test } from "bun:test";
import { DomainError } from "../../../src/domain/errors.ts";
import type { User, UserId } from "../../../src/domain/model.ts";
import { createAccounts } from "../../../src/domain/people/accounts.ts";
import { createPasswordCheck } from "../../../src/domain/people/password-check.ts";
import { createPasswords, type Passwords } from "../../../src/domain/people/passwords.ts";
import type { ScramKeys } from "../../../src/domain/people/scram-keys.ts";
import { createTokens } from "../../../src/domain/people/tokens.ts";
import type { Store } from "../../../src/domain/store.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { until } from "../../support/deadline.ts";
import { createTestGuard } from "../../support/login-guard.ts";
import { createManualClock } from "../../support/manual-clock.ts";

const ann = { userId: 10_001 as UserId, userKey: "ann", disabled: false } as User;

const keys: ScramKeys = {
  salt: new Uint8Array(16),
  iterations: 4096,
  storedKey: new Uint8Array(32),
  serverKey: new Uint8Array(32),
};

function stage() {
  const clock = createManualClock();
  const passwords: Passwords = {
    accept: createPasswords().accept,
    hash: async (password) => password,
    verify: async (password, hash) => password === hash,
    scramKeys: async () => keys,
  };
  let stored: ScramKeys | undefined;
  const store: Partial<Store> = {
    findPasswordHash: async () => "right",
    findScramKeys: async () => stored,
    async addScramKeys({ scramKeys }) {
      stored = scramKeys;
    },
  };
  const guard = createTestGuard(clock, { limits: { failuresPerAccountHour: 3 } });
  const accounts = createAccounts({
    store: store as Store,
    clock,
    passwords,
    passwordCheck: createPasswordCheck({ guard, passwords, clock }),
    guard,
    registration: "open",
    invites: "operator",
    log: silentLog,
    tokens: createTokens({
      store: store as Store,
      guard,
      lifetimes: { accessMs: 1000, refreshMs: 1000 },
      deliveries: { flush: async () => {} },
    }),
    longTokens: { find: async () => undefined, logIn: () => Promise.reject(new DomainError("token_invalid")) },
    accountRemoval: { disable: async () => {} },
    names: { find: async () => undefined },
    checkLoginName() {},
  });
  const codeOf = (work: Promise<unknown>) =>
    work.then(
      () => "in",
      (error: unknown) => (error instanceof DomainError ? error.code : error),
    );
  const logIn = (user: User | undefined, name: string, password: string) =>
    codeOf(accounts.logInWithPassword(user, { name, password, address: "127.0.0.1" }));
  const prove = (name: string, right: boolean) =>
    codeOf(accounts.logInWithProof(ann, { name, address: "127.0.0.1", right }));
  return { logIn, prove, stored: () => stored };
}

test("an account's failures are counted together, under whichever of its names it is tried", async () => {
  const { logIn } = stage();
  expect(await logIn(ann, "ann", "a")).toBe("wrong_password");
  expect(await logIn(ann, "10001", "b")).toBe("wrong_password");
  expect(await logIn(ann, "user.10001", "c")).toBe("wrong_password");
  expect(await logIn(ann, "user.010001", "right")).toBe("try_later");
});

test("a right password clears what was counted, under another name too", async () => {
  const { logIn } = stage();
  for (const password of ["a", "b", "right", "c", "d"]) await logIn(ann, "ann", password);
  expect(await logIn(ann, "10001", "right")).toBe("in");
});

test("a user who does not exist is counted by the name that was tried", async () => {
  const { logIn } = stage();
  for (const password of ["a", "b", "c"]) expect(await logIn(undefined, "nobody", password)).toBe("user_not_found");
  expect(await logIn(undefined, "nobody", "d")).toBe("try_later");
  expect(await logIn(undefined, "stranger", "a")).toBe("user_not_found");
});

test("a wrong proof counts like a wrong password", async () => {
  const { logIn, prove } = stage();
  expect([await prove("ann", false), await prove("10001", false)]).toEqual(["wrong_password", "wrong_password"]);
  expect(await logIn(ann, "ann", "wrong")).toBe("wrong_password");
  expect(await prove("ann", true)).toBe("try_later");
});

test("a right password leaves keys for SCRAM where there are none, a wrong one none", async () => {
  const { logIn, stored } = stage();
  await logIn(ann, "ann", "wrong");
  expect(stored()).toBeUndefined();
  await logIn(ann, "ann", "right");
  await until("the keys", () => stored() === keys);
});
