/**
 * Many large uploads at once, with readers that have stopped reading: what waits is on the disk, so memory is bounded
 * by what is on its way, not by what was said (docs/protocols/files.md § Memory).
 */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encode } from "@msgpack/msgpack";
import { readProcessStats } from "../load/process-stats.ts";
import { MiniClient, messagesOf } from "../minioicq/client.ts";
import { RawSocket } from "../minioicq/raw-socket.ts";
import { enroll, room } from "../rest/client.ts";
import { startBinary } from "./binary-server.ts";

const mib = 1024 * 1024;
const senderCount = 8;
const readerCount = 4;
const contentBytes = 4 * mib;
const waves = 24;
/** Twice what all senders send at once, twice what each reader has in its socket, and what lies about between collections. */
const growthBytesMax = 2 * senderCount * contentBytes + 2 * readerCount * 1.4 * contentBytes + 350 * mib;

test.skipIf(process.platform !== "linux")(
  "large uploads at once and readers that stopped cost bounded memory, and who reads again gets all of it in order",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "roost-large-uploads-"));
    try {
      await using server = await startBinary(folder, {
        env: { ROOST_DURABILITY: "os", ROOST_LIMITS_WEBSOCKET_FRAME_BYTES: "16 MiB" },
      });
      const port = Number(server.http.slice(server.http.lastIndexOf(":") + 1));
      const names = Array.from({ length: senderCount + readerCount }, (_, n) => `user${n}`);
      const tokens = await enroll(server, ...names);
      await room(server, "team", ...names);
      const readers: RawSocket[] = [];
      for (const token of tokens.slice(senderCount)) {
        const reader = await RawSocket.connect(port);
        // The first reads by url, the others would get all of it.
        reader.say({ action: "auth.login", token, ...(readers.length === 0 ? { files: "url" } : {}) });
        expect((await reader.next()).action).toBe("auth.login.success");
        expect((await reader.next()).action).toBe("chat.spawn");
        reader.pause();
        readers.push(reader);
      }
      const senders: MiniClient[] = [];
      let chatId = "";
      for (const token of tokens.slice(0, senderCount)) {
        const sender = await MiniClient.connect(server.http);
        await sender.ask({ action: "auth.login", token, files: "url" });
        chatId = String((await sender.next())["chat_id"]);
        senders.push(sender);
      }
      const content = new Uint8Array(contentBytes);
      const send = (sender: MiniClient, clientId: string): void => {
        content.set(Buffer.from(clientId));
        const message = { chat_id: chatId, type: "image", content, client_id: clientId };
        sender.raw(encode({ action: "message.send", message }));
      };
      const answered = async (sender: MiniClient, clientId: string): Promise<void> => {
        for (;;) {
          const frame = await sender.next(30_000);
          if (frame.action !== "message.push") throw new Error(`${frame.action}: ${frame["reason"]}`);
          if (messagesOf(frame).some((message) => message.client_id === clientId)) return;
        }
      };

      const before = (await readProcessStats(server.pid)).rssBytes;
      let largest = 0;
      for (let wave = 0; wave < waves; wave += 1) {
        for (const [n, sender] of senders.entries()) send(sender, `${wave}.${n}`);
        await Promise.all(senders.map((sender, n) => answered(sender, `${wave}.${n}`)));
        largest = Math.max(largest, (await readProcessStats(server.pid)).rssBytes);
      }
      const growth = largest - before;
      console.log(
        `  ${(waves * senderCount * contentBytes) / mib} MiB said, ${Math.round(growth / mib)} MiB more memory`,
      );
      expect(growth).toBeLessThan(growthBytesMax);

      const [byUrl] = readers;
      byUrl?.resume();
      const seqs: number[] = [];
      while (byUrl !== undefined && seqs.length < waves * senderCount) {
        seqs.push(...messagesOf(await byUrl.next()).map(({ seq }) => seq));
      }
      expect(seqs).toEqual(Array.from({ length: waves * senderCount }, (_, n) => n + 1));
      for (const reader of readers) reader[Symbol.dispose]();
      await Promise.all(senders.map((sender) => sender.bye()));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
  120_000,
);
