/** What users take of the disk, and that those who registered take no more than their share. */
import { expect, test } from "bun:test";
import { alsoAfterReopening, device, expectRefusal, group, inChat, type OpenFresh, people, text } from "./stage.ts";

const kib = 1024;
const uploadId = (n: number): string => `up_${n.toString(16).padStart(32, "0")}`;

export function diskShareContract(openFresh: OpenFresh): void {
  test("who registered has a share, and is refused what is beyond it until room was made, also after a restart", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann] = await people(store, "Ann");
    const chat = await group(store, ann);
    await store.setDiskShare(10 * kib);
    expect(await store.takenOfDisk(ann.userId)).toBe(0);
    const large = text(ann, inChat(chat), "x".repeat(6 * kib));
    const { message } = await store.appendMessage({ ...large, clientId: "1" });
    const taken = await store.takenOfDisk(ann.userId);
    expect(taken).toBeGreaterThanOrEqual(6 * kib);
    await alsoAfterReopening(opened, async (now) => {
      expect(await now.takenOfDisk(ann.userId)).toBe(taken);
      await expectRefusal(now.appendMessage(large), "share_full");
      await expectRefusal(now.appendMessages([text(ann, inChat(chat), "small"), large]), "share_full");
      const edit = { userId: ann.userId, messageId: message.messageId, type: "text" };
      await expectRefusal(now.editMessage({ ...edit, content: "y".repeat(11 * kib) }), "share_full");
      // What is said again needs no room.
      expect((await now.appendMessage({ ...large, clientId: "1" })).repeated).toBe(true);
      expect(await now.takenOfDisk(ann.userId)).toBe(taken);
    });
    const { store: again } = opened;
    await again.deleteMessage({ userId: ann.userId, messageId: message.messageId });
    expect(await again.takenOfDisk(ann.userId)).toBeLessThan(kib);
    await again.appendMessage(large);
    await again.setDiskShare(0);
    await again.appendMessage(large);
    expect(await again.takenOfDisk(ann.userId)).toBeGreaterThan(12 * kib);
  });

  test("who the operator or a backend made, who is trusted, and a device has no share", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    await store.setDiskShare(kib);
    const [ann] = await people(store, "Ann");
    const bob = await store.createUser({ nick: "Bob", madeBy: "operator" });
    const carl = await store.createUser({ nick: "Carl", madeBy: "backend" });
    const chat = await group(store, ann, bob, carl);
    const large = "x".repeat(2 * kib);
    await expectRefusal(store.appendMessage(text(ann, inChat(chat), large)), "share_full");
    for (const one of [bob, carl]) {
      await store.appendMessage(text(one, inChat(chat), large));
      expect(await store.takenOfDisk(one.userId)).toBeGreaterThan(2 * kib);
    }
    const lamp = await store.addMqttDevice(device("lamp", { chats: [{ chat: inChat(chat), allow: undefined }] }));
    const from = lamp.member?.userId ?? ann.userId;
    await store.appendMessage({ chat: inChat(chat), from, type: "text", content: large });
    await store.trustUser(ann.userId);
    await store.appendMessage(text(ann, inChat(chat), large));
  });

  test("large content, uploads and texts for each recipient are part of it", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const chat = await group(store, ann, bob);
    await store.setDiskShare(200 * kib);
    const picture = (bytes: number, fill: number) =>
      text(ann, inChat(chat), new Uint8Array(bytes).fill(fill), { type: "image" });
    const { message } = await store.appendMessage(picture(100 * kib, 1));
    await expectRefusal(store.appendMessage(picture(100 * kib, 2)), "share_full");
    const upload = (n: number, bytes: number) =>
      store.openUpload({
        userId: ann.userId,
        uploadId: uploadId(n),
        bytes,
        type: undefined,
        name: undefined,
        lifetimeMs: 86_400_000,
        uploadsMax: 10,
      });
    await expectRefusal(upload(1, 100 * kib), "share_full");
    await upload(2, 90 * kib);
    await expectRefusal(upload(3, 20 * kib), "share_full");
    await store.endUpload({ userId: ann.userId, uploadId: uploadId(2) });
    await upload(4, 20 * kib);
    const exchange = (clientId: string, bytes: number) =>
      store.exchange({
        from: { userId: ann.userId, deviceId: undefined },
        messages: [
          {
            chatKey: chat.chatKey,
            clientId,
            clientTimeMs: undefined,
            texts: [{ guid: bob.guid, text: "x".repeat(bytes) }],
            oldMessageId: undefined,
          },
        ],
        confirmations: [],
      });
    await expectRefusal(exchange("1", 90 * kib), "share_full");
    await exchange("1", 10 * kib);
    const before = await store.takenOfDisk(ann.userId);
    await store.deleteMessage({ userId: ann.userId, messageId: message.messageId });
    expect(before - (await store.takenOfDisk(ann.userId))).toBe(100 * kib);
    await exchange("2", 90 * kib);
  });
}
