/** Codes that stand for a user once and for minutes. */
import { expect, test } from "bun:test";
import { hashSecret } from "../../../src/domain/people/secrets.ts";
import { hashNewCode } from "../../../src/domain/phones/new-codes.ts";
import { expectRefusal, type OpenFresh, people } from "./stage.ts";

const minuteMs = 60_000;

export function accountCodeContract(openFresh: OpenFresh): void {
  test("a code is the user's, once, for so many tries and so long", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const { userId } = ann;
    const attemptsMax = 2;
    const add = (code: string) =>
      store.addAccountCode({ userId, purpose: "sent", code: hashNewCode(code), lifetimeMs: minuteMs });
    const isRight = (code: string, of: number = userId) => store.tryAccountCode({ userId: of, code, attemptsMax });
    expect([await add("111111"), await isRight("111111"), await isRight("111111", bob.userId)]).toEqual([
      true,
      true,
      false,
    ]);
    expect([await add("222222"), await isRight("111111"), await isRight("222222")]).toEqual([true, false, true]);
    expect([await isRight("333333"), await isRight("222222")]).toEqual([false, false]);
    expect([await add("444444"), await isRight("")]).toEqual([true, false]);
    const reset = { userId, attemptsMax, passwordHash: "new", scramKeys: undefined };
    const hash = new Uint8Array(32).fill(9);
    await store.addToken({ userId, hash, name: undefined, lifetimeMs: minuteMs, tokensMax: 5 });
    await expectRefusal(store.resetPassword({ ...reset, code: "555555" }), "code_invalid");
    await add("444444");
    expect((await store.resetPassword({ ...reset, code: "444444" })).tokenIds).toHaveLength(1);
    expect(await store.findPasswordHash(userId)).toBe("new");
    expect(await store.findToken(hash, "access")).toBeUndefined();
    await expectRefusal(store.resetPassword({ ...reset, code: "444444" }), "code_invalid");
    await add("666666");
    clock.advance(minuteMs);
    expect(await isRight("666666")).toBe(false);
    await add("777777");
    await store.setUserDisabled({ userId, disabled: true });
    expect([await isRight("777777"), await add("888888")]).toEqual([false, false]);
  });

  test("a new password by another way voids the codes, and the mails of a phone are counted", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [{ userId }] = await people(store, "Ann");
    const mail = { phone: "4479", perHour: 2 };
    const add = () =>
      store.addAccountCode({ userId, purpose: "sent", code: hashNewCode("111111"), lifetimeMs: minuteMs, mail });
    const isRight = () => store.tryAccountCode({ userId, code: "111111", attemptsMax: 5 });
    expect([await add(), await add(), await add()]).toEqual([true, true, false]);
    await store.setPassword(userId, "other", { scramKeys: undefined });
    expect(await isRight()).toBe(false);
  });

  test("a link logs in once", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    const [{ userId }] = await people(store, "Ann");
    const hash = hashSecret("link");
    const code = { salt: new Uint8Array(0), hash };
    const add = () => store.addAccountCode({ userId, purpose: "link", code, lifetimeMs: minuteMs });
    await add();
    expect(await store.tryAccountCode({ userId, code: "link", attemptsMax: 5 })).toBe(false);
    expect([await store.takeLogInLink(hash), await store.takeLogInLink(hash)]).toEqual([userId, undefined]);
    await add();
    clock.advance(minuteMs);
    expect(await store.takeLogInLink(hash)).toBeUndefined();
    await add();
    await store.setUserDisabled({ userId, disabled: true });
    expect(await store.takeLogInLink(hash)).toBeUndefined();
  });
}
