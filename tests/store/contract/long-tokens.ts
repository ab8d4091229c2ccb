/** Long-lived tokens: whose they are, what is kept of them, and how they end. */
import { expect, test } from "bun:test";
import type { DomainEvent } from "../../../src/domain/events.ts";
import type { UserId } from "../../../src/domain/model.ts";
import type { NewLongToken } from "../../../src/domain/people/long-token-store.ts";
import { tokenIdOf } from "../../../src/domain/people/secrets.ts";
import type { Store } from "../../../src/domain/store.ts";
import { longAgo, type SteadyMs } from "../../../src/lib/clock.ts";
import { at } from "../../support/manual-clock.ts";
import { alsoAfterReopening, expectRefusal, type OpenFresh, people } from "./stage.ts";

const hash = (byte: number) => new Uint8Array(32).fill(byte);
const idOf = (byte: number) => tokenIdOf(hash(byte));
const of = (user: { readonly userId: UserId }) => `user:${user.userId}`;
const day = 86_400_000;

const add = (store: Store, ownerKey: string, byte: number, more: Partial<NewLongToken> = {}) =>
  store.addLongToken({
    ownerKey,
    hash: hash(byte),
    name: undefined,
    scopes: undefined,
    madeBy: "operator",
    lifetimeMs: undefined,
    tokensMax: 3,
    ...more,
  });

async function idsOf(store: Store, ownerKey?: string, nowMs: SteadyMs = longAgo): Promise<string[]> {
  return (await store.listLongTokens({ ownerKey, after: "", nowMs, limit: 10 })).map(({ tokenId }) => tokenId);
}

const addLamp = (store: Store) =>
  store.addMqttDevice({
    name: "lamp",
    passwordHash: "h",
    certificateSubject: undefined,
    scramKeys: undefined,
    publish: undefined,
    subscribe: undefined,
    userId: undefined,
  });

export function longTokenContract(openFresh: OpenFresh): void {
  test("a token is found by its hash, with its owner, its scopes and its times", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    const [ann] = await people(store, "Ann");
    await addLamp(store);
    const madeMs = clock.nowMs();
    const ofAnn = {
      ownerKey: of(ann),
      name: "script",
      scopes: [{ allow: "send", chat: "team" }],
      madeBy: "minioicq",
    } as const;
    const times = { createdAtMs: madeMs, lastUsedAtMs: undefined };
    const one = { ...ofAnn, ...times, tokenId: idOf(1), expiresAtMs: at(madeMs + day) };
    expect(await add(store, of(ann), 1, { ...ofAnn, lifetimeMs: day })).toEqual(one);
    const two = await add(store, "device:lamp", 2);
    await alsoAfterReopening(opened, async (now) => {
      expect(await now.findLongToken(hash(1))).toEqual({ token: one, user: ann });
      expect(await now.findLongToken(hash(2))).toEqual({ token: two, user: undefined });
      expect(await now.findLongToken(hash(3))).toBeUndefined();
      // It is no access token.
      expect(await now.findToken(hash(1), "access")).toBeUndefined();
      expect(await idsOf(now)).toEqual([idOf(1), idOf(2)]);
      expect(await idsOf(now, of(ann))).toEqual([idOf(1)]);
      expect(await now.listLongTokens({ after: idOf(1), nowMs: longAgo, limit: 1 })).toEqual([two]);
      expect(await idsOf(now, of(ann), at(madeMs + day))).toEqual([]);
    });
    clock.advance(5000);
    const noted = opened.store.touchLongToken(idOf(1));
    await opened.store.touchUsers([]); // A use is written with the next change.
    await noted;
    expect(await opened.store.listLongTokens({ ownerKey: of(ann), after: "", nowMs: longAgo, limit: 1 })).toMatchObject(
      [{ lastUsedAtMs: madeMs + 5000 }],
    );
  });

  test("only who is there has tokens, and not more than so many that are valid", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    for (const owner of ["user:1", "device:lamp", "group:x"])
      await expectRefusal(add(store, owner, 1), "user_not_found");
    await store.setUserDisabled({ userId: bob.userId, disabled: true });
    await expectRefusal(add(store, of(bob), 1), "user_disabled");
    for (const byte of [1, 2, 3]) await add(store, of(ann), byte, { lifetimeMs: byte === 3 ? 1000 : undefined });
    await expectRefusal(add(store, of(ann), 4), "too_many_tokens");
    clock.advance(1000);
    await add(store, of(ann), 4);
    await expectRefusal(add(store, of(ann), 5), "too_many_tokens");
  });

  test("a token ends by its id, only as its owner's, and that is told", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    for (const byte of [1, 2, 3]) await add(store, of(ann), byte);
    const told: DomainEvent[] = [];
    store.onCommitted({
      hears: () => true,
      committed: (events) => {
        told.push(...events);
        return undefined;
      },
    });
    expect(await store.endLongToken({ tokenId: idOf(1), ownerKey: of(bob) })).toBeUndefined();
    expect(await store.endLongToken({ tokenId: idOf(9) })).toBeUndefined();
    expect(told).toEqual([]);
    expect(await store.endLongToken({ tokenId: idOf(1), ownerKey: of(ann) })).toEqual({
      ownerKey: of(ann),
      tokenIds: [idOf(1)],
    });
    expect(await store.findLongToken(hash(1))).toBeUndefined();
    // So does a log-in of the list of log-ins.
    expect(await store.endToken({ userId: bob.userId, tokenId: idOf(2) })).toBeUndefined();
    expect(await store.endToken({ userId: ann.userId, tokenId: idOf(2) })).toEqual({
      tokenIds: [idOf(2)],
      phoneSessionIds: [],
    });
    expect(await store.endLongToken({ tokenId: idOf(3) })).toEqual({ ownerKey: of(ann), tokenIds: [idOf(3)] });
    expect(told).toEqual(
      [1, 2, 3].map((byte) => ({ type: "long-tokens.ended", ownerKey: of(ann), tokenIds: [idOf(byte)], to: [] })),
    );
  });

  test("they end with a new password that ends log-ins, and with their owner", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann] = await people(store, "Ann");
    const { userId } = ann;
    await addLamp(store);
    await add(store, "device:lamp", 9);
    const end = async (name: string, work: () => Promise<unknown>, ends = true) => {
      await add(store, of(ann), 1, { madeBy: name === "own" ? "backend" : "rest" });
      await store.findLongToken(hash(1)); // what is remembered of it ends too
      await work();
      expect([name, (await store.findLongToken(hash(1))) === undefined]).toEqual([name, ends]);
      if (!ends) await store.endLongToken({ tokenId: idOf(1) });
    };
    await end("own", () => store.setPassword(userId, "a", { end: "own" }));
    await end("all", () => store.setPassword(userId, "a", { end: "all" }));
    await end("keep", () => store.setPassword(userId, "a"), false);
    const change = { userId, oldHash: "a", passwordHash: "a", scramKeys: undefined };
    await end("changed alone", () => store.changePassword({ ...change, end: undefined }), false);
    await end("changed", () => store.changePassword({ ...change, end: { exceptTokenId: undefined } }));
    await end("disabled", () => store.setUserDisabled({ userId, disabled: true }));
    await store.setUserDisabled({ userId, disabled: false });
    await end("removed", () => store.removeUser(userId));
    await alsoAfterReopening(opened, async (now) => expect(await idsOf(now)).toEqual([idOf(9)]));
    await opened.store.removeMqttDevice("lamp");
    expect(await opened.store.findLongToken(hash(9))).toBeUndefined();
    await addLamp(opened.store);
    expect(await idsOf(opened.store)).toEqual([]);
  });

  test("those that have expired are found for a while, the earliest first", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    const [ann] = await people(store, "Ann");
    const start = clock.steadyMs();
    for (const byte of [1, 2, 3]) await add(store, of(ann), byte, { lifetimeMs: byte * 1000 });
    await store.endLongToken({ tokenId: idOf(2) });
    clock.advance(60_000);
    await add(store, of(ann), 4);
    const after = { expiresAtMs: start, tokenId: "" };
    const until = clock.steadyMs();
    const found = await store.listExpiredLongTokens({ after, until, limit: 9 });
    expect(found.map(({ tokenId }) => tokenId)).toEqual([idOf(1), idOf(3)]);
    expect(await store.listExpiredLongTokens({ after, until, limit: 1 })).toMatchObject([
      { tokenId: idOf(1), ownerKey: of(ann) },
    ]);
    const [first] = found;
    if (first === undefined) throw new Error("none has expired");
    expect(await store.listExpiredLongTokens({ after: first, until, limit: 9 })).toMatchObject([{ tokenId: idOf(3) }]);
    clock.advance(day);
    await add(store, of(ann), 5); // what is long expired goes with such a change
    expect(await store.listExpiredLongTokens({ after, until: clock.steadyMs(), limit: 9 })).toEqual([]);
  });
}
