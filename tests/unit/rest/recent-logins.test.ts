import { expect, test } from "bun:test";
import type { Accounts, LoggedIn } from "../../../src/domain/accounts.ts";
import { DomainError } from "../../../src/domain/errors.ts";
import type { User, UserId } from "../../../src/domain/model.ts";
import { createRecentLogins } from "../../../src/rest/recent-logins.ts";

test("a good token stays good for a second, a bad one is asked for each time", async () => {
  let nowMs = 5000;
  let revoked = false;
  const asked: string[] = [];
  const accounts: Pick<Accounts, "logInWithToken"> = {
    logInWithToken: async (token) => {
      asked.push(token);
      if (token !== "good" || revoked) throw new DomainError("token_invalid");
      return { user: { userId: 1 as UserId } as User, deviceId: undefined } satisfies LoggedIn;
    },
  };
  const logIn = createRecentLogins({ accounts: accounts as Accounts, clock: { nowMs: () => nowMs } });
  const attempt = async (token: string | undefined) => logIn(token, "::1");

  await attempt("good");
  revoked = true;
  nowMs += 999;
  expect((await attempt("good")).user.userId).toBe(1 as UserId);
  expect(asked).toEqual(["good"]);
  nowMs += 1;
  await expect(attempt("good")).rejects.toThrow("token_invalid");
  await expect(attempt("good")).rejects.toThrow("token_invalid");
  await expect(attempt("bad")).rejects.toThrow("token_invalid");
  await expect(attempt("bad")).rejects.toThrow("token_invalid");
  await expect(attempt(undefined)).rejects.toThrow("missing");
  expect(asked).toEqual(["good", "good", "good", "bad", "bad"]);
});
