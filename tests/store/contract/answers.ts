/** Answers kept for requests that are repeated. */
import { expect, test } from "bun:test";
import { answerKeptMs, type NewAnswer } from "../../../src/domain/answer-store.ts";
import type { Store } from "../../../src/domain/store.ts";
import { alsoAfterReopening, type OpenFresh } from "./stage.ts";

const hashOf = (n: number) => new Uint8Array(new Bun.CryptoHasher("sha256").update(`${n}`).digest());
const answer = (n: number, more: Partial<NewAnswer> = {}): NewAnswer => ({
  status: 201,
  contentType: "application/json",
  body: new Uint8Array([0, n % 256, 255]),
  fingerprint: hashOf(-n),
  caller: "user.10001",
  hash: hashOf(n),
  answersMax: 100,
  ...more,
});

async function find(store: Store, n: number) {
  const found = await store.findAnswer(hashOf(n));
  return found && { ...found, body: [...found.body], fingerprint: [...found.fingerprint] };
}

const kept = ({ status, contentType, body, fingerprint }: NewAnswer) => ({
  status,
  contentType,
  body: [...body],
  fingerprint: [...fingerprint],
});

export function answerContract(openFresh: OpenFresh): void {
  test("the first answer under a hash stays as it was given", async () => {
    await using opened = await openFresh();
    await opened.store.keepAnswer(answer(1));
    await opened.store.keepAnswer(answer(1, { status: 500, body: new Uint8Array(), caller: "backend" }));
    await alsoAfterReopening(opened, async (now) => {
      expect(await find(now, 1)).toEqual(kept(answer(1)));
      expect(await find(now, 2)).toBeUndefined();
    });
  });

  test("an answer is forgotten after a day, and its hash is free again", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    await store.keepAnswer(answer(1));
    clock.advance(answerKeptMs - 1);
    expect(await find(store, 1)).toBeDefined();
    clock.advance(1);
    expect(await find(store, 1)).toBeUndefined();
    await store.keepAnswer(answer(1, { status: 202 }));
    expect(await find(store, 1)).toMatchObject({ status: 202 });
  });

  test("a caller's oldest answers go, another caller's stay", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    await store.keepAnswer(answer(0, { caller: "backend" }));
    await Promise.all(Array.from({ length: 400 }, (_, n) => store.keepAnswer(answer(n + 1))));
    expect(await find(store, 0)).toBeDefined();
    expect(await find(store, 1)).toBeUndefined();
    for (let n = 301; n <= 400; n += 1) expect(await find(store, n)).toBeDefined();
  });
}
