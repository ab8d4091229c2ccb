/** Uploads: content that waits for the message that will name it, in the store. */
import { expect, test } from "bun:test";
import type { NewUpload, Upload } from "../../../src/domain/messages/upload-store.ts";
import type { Draft, User, UserId } from "../../../src/domain/model.ts";
import type { Store } from "../../../src/domain/store.ts";
import { alsoAfterReopening, expectRefusal, group, inChat, type OpenFresh, people, text } from "./stage.ts";

const kib = 1024;
const dayMs = 86_400_000;
const uploadId = (n: number): string => `up_${n.toString(16).padStart(32, "0")}`;
const never = uploadId(999);
const hashOf = (bytes: Uint8Array): string => new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
const patterned = (bytes: number, seed = 0): Uint8Array =>
  Uint8Array.from({ length: bytes }, (_, at) => (at * 31 + (at >> 8) + seed) & 0xff);

const planned = (user: User, n: number, bytes: number, more: Partial<NewUpload> = {}): NewUpload => ({
  userId: user.userId,
  uploadId: uploadId(n),
  bytes,
  type: undefined,
  name: undefined,
  lifetimeMs: dayMs,
  uploadsMax: 10,
  ...more,
});

async function whole(store: Store, upload: NewUpload, content: Uint8Array): Promise<Upload> {
  await store.openUpload(upload);
  await store.writeUpload(upload.uploadId, 0, content);
  return store.keepUpload({ userId: upload.userId, uploadId: upload.uploadId, offset: content.byteLength });
}

const naming = (user: User, chat: { chatId: number }, file: string, more: Partial<Draft> = {}): Draft =>
  text(user, inChat(chat), "", { type: "", file, ...more });

export function uploadContract(openFresh: OpenFresh): void {
  test("an upload is what was written of it and kept, also after a restart", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann] = await people(store, "Ann");
    const { userId } = ann;
    const own = { userId, uploadId: uploadId(1) };
    const content = patterned(100 * kib);
    const made = await store.openUpload(planned(ann, 1, content.byteLength, { type: "image/png", name: "a.png" }));
    expect(made).toMatchObject({ offset: 0, complete: false, bytes: 100 * kib, type: "image/png", name: "a.png" });
    await store.writeUpload(own.uploadId, 0, content.subarray(0, 40 * kib));
    expect(await store.keepUpload({ ...own, offset: 40 * kib })).toMatchObject({ offset: 40 * kib, complete: false });
    // Written, but not kept.
    await store.writeUpload(own.uploadId, 40 * kib, patterned(10 * kib, 7));
    await alsoAfterReopening(opened, async (now) => {
      expect(await now.findUpload(own)).toMatchObject({ offset: 40 * kib, complete: false });
    });
    const again = opened.store;
    await again.writeUpload(own.uploadId, 40 * kib, content.subarray(40 * kib));
    const done = await again.keepUpload({ ...own, offset: 100 * kib });
    expect(done).toEqual({ ...made, offset: 100 * kib, complete: true });
    const chat = await group(again, ann);
    const { message } = await again.appendMessage(naming(ann, chat, own.uploadId));
    expect(message.file).toEqual({
      hash: hashOf(content),
      bytes: 100 * kib,
      form: "bytes",
      mediaType: "application/octet-stream",
      name: "a.png",
    });
    await alsoAfterReopening(opened, async (now) => {
      const read = await now.findMessage(message.messageId);
      expect({ ...read, content: undefined }).toEqual({ ...message, content: undefined });
      expect(Buffer.compare(read?.content as Uint8Array, content)).toBe(0);
      expect(await now.findUpload(own)).toEqual(done);
    });
  });

  test("an upload is its user's alone; whatever else a message names gets one answer", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const chat = await group(store, ann, bob);
    const content = patterned(70 * kib);
    await whole(store, planned(ann, 1, content.byteLength), content);
    await store.openUpload(planned(ann, 2, 10));
    const foreign = { userId: bob.userId, uploadId: uploadId(1) };
    expect(await store.findUpload(foreign)).toBeUndefined();
    expect(await store.endUpload(foreign)).toBe(false);
    await expectRefusal(store.keepUpload({ ...foreign, offset: 1 }), "file_not_found");
    for (const file of [uploadId(1), never, hashOf(content), "0".repeat(64), "no id"]) {
      await expectRefusal(store.appendMessage(naming(bob, chat, file)), "file_not_found");
    }
    // Not complete.
    await expectRefusal(store.appendMessage(naming(ann, chat, uploadId(2))), "file_not_found");
    // All or nothing.
    await expectRefusal(
      store.appendMessages([naming(ann, chat, uploadId(1)), naming(ann, chat, never)]),
      "file_not_found",
    );
    expect(await store.messages({ chatId: chat.chatId, limit: 10 })).toEqual([]);
    const [sent] = await store.appendMessages([naming(ann, chat, uploadId(1), { clientId: "c" })]);
    expect(sent?.message.file?.hash).toBe(hashOf(content));
    // Now Bob may fetch it, and send it on.
    const other = await group(store, bob);
    expect((await store.appendMessage(naming(bob, other, hashOf(content)))).message.file?.hash).toBe(hashOf(content));
    clock.advance(dayMs);
    expect(await store.findUpload({ userId: ann.userId, uploadId: uploadId(1) })).toBeUndefined();
    await expectRefusal(store.appendMessage(naming(ann, chat, uploadId(1))), "file_not_found");
    // What was sent before is told again all the same.
    const repeat = await store.appendMessage(naming(ann, chat, uploadId(1), { clientId: "c" }));
    expect([repeat.repeated, repeat.message.messageId]).toEqual([true, sent?.message.messageId as never]);
    expect(await store.endExpiredUploads()).toBe(2);
    expect(await store.endExpiredUploads()).toBe(0);
  });

  test("a DUP of a message that names a file is the same message", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann] = await people(store, "Ann");
    const chat = await group(store, ann);
    const content = patterned(70 * kib);
    await whole(store, planned(ann, 1, content.byteLength), content);
    const sessionId = await opened.openMqttSession("phone");
    const publish = { sessionId, packetId: 7, dup: false };
    const first = await store.appendMessage(naming(ann, chat, uploadId(1), { publish }));
    const dup = await store.appendMessage(naming(ann, chat, uploadId(1), { publish: { ...publish, dup: true } }));
    expect([dup.repeated, dup.message.seq]).toEqual([true, first.message.seq]);
  });

  test("a user has so many uploads, and ended ones make room", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const few = { uploadsMax: 2 };
    for (const n of [1, 2]) await store.openUpload(planned(ann, n, 5, few));
    await expectRefusal(store.openUpload(planned(ann, 3, 5, few)), "share_full");
    await store.openUpload(planned(bob, 4, 5, few));
    expect(await store.endUpload({ userId: ann.userId, uploadId: uploadId(1) })).toBe(true);
    await store.openUpload(planned(ann, 5, 5, few));
    const nobody = { userId: 99_999 as UserId };
    await expectRefusal(store.openUpload(planned(ann, 6, 5, nobody)), "user_not_found");
  });

  test("a message is told with its content where that fits a frame, in the order of what its sender says", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann] = await people(store, "Ann");
    const chat = await group(store, ann);
    const [small, large] = [patterned(80 * kib), patterned(3000 * kib)];
    await whole(store, planned(ann, 1, small.byteLength), small);
    await whole(store, planned(ann, 2, large.byteLength), large);
    const told: [number, number][] = [];
    store.onCommitted({
      hears: () => true,
      committed(events) {
        for (const event of events) {
          if (event.type === "message.sent") told.push([event.message.seq, event.message.content.length]);
        }
        return undefined;
      },
    });
    await Promise.all([
      store.appendMessage(naming(ann, chat, uploadId(1))),
      store.appendMessage(text(ann, inChat(chat), "after it")),
      store.appendMessage(naming(ann, chat, uploadId(2))),
      store.appendMessage(text(ann, inChat(chat), "last")),
    ]);
    expect(told).toEqual([
      [1, 80 * kib],
      [2, 8],
      [3, 0],
      [4, 4],
    ]);
  });
}
