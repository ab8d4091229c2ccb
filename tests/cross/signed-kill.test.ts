/**
 * kill -9 under signed batches on the compiled binary: what was answered stands with the ids that were told, what was not is
 * sent again and there once; recipients get every text once and in order, and statuses are told once.
 */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { call } from "../rest/client.ts";
import { confirm, fetchSigned, outgoing, post, signers } from "../rest/signing.ts";
import { withDeadline } from "../support/deadline.ts";
import { startBinary } from "./binary-server.ts";

const rounds = 3;
const batchSize = 5;
/** Of the batches of a round the server dies under this one. */
const diesUnder = 6;

test("nothing answered is lost or doubled by kill -9", async () => {
  const folder = mkdtempSync(join(tmpdir(), "roost-signed-kill-"));
  const data = join(folder, "data");
  try {
    let server = await startBinary(data);
    const [anna, ben] = await signers(server, "team", "anna", "ben");
    if (anna === undefined || ben === undefined) throw new Error("two signers");
    const publicKey = (await call(server, "GET /publicKey")).text;
    const ids = new Map<string, string>();
    const texts: string[] = [];

    const batch = (first: number) =>
      outgoing(
        Array.from({ length: batchSize }, (_, at) => ({
          chatID: "team",
          clientHash: `h${first + at}`,
          to: { [ben.guid]: `text ${first + at}` },
        })),
      );
    /** Sends a batch; what it is answered must agree with what it was answered before. */
    const send = async (first: number): Promise<void> => {
      const answer = await post(server, anna, batch(first));
      expect(answer.status).toBe(200);
      for (const { clientHash, messageID } of JSON.parse(answer.text).outgoingEventsResult.messages) {
        expect([clientHash, ids.get(clientHash) ?? messageID]).toEqual([clientHash, messageID]);
        ids.set(clientHash, messageID);
      }
    };

    let next = 0;
    for (let round = 0; round < rounds; round += 1) {
      const begun = next;
      for (let count = 1; count < diesUnder; count += 1) {
        await send(next);
        next += batchSize;
      }
      const inDoubt = send(next).then(
        () => "answered",
        () => "in doubt",
      );
      process.kill(server.pid, "SIGKILL");
      await withDeadline("the server to be gone", server.exited);
      await inDoubt;
      next += batchSize;
      server = await startBinary(data);
      // All of the round again, as a client does that is not sure.
      for (let first = begun; first < next; first += batchSize) await send(first);
    }
    expect((await call(server, "GET /publicKey")).text).toBe(publicKey);

    for (;;) {
      const { messages = [], info = [] } = await fetchSigned(server, ben);
      if (messages.length + info.length === 0) break;
      texts.push(...messages.map(({ messageText }) => messageText));
      for (const { messageID, messageText } of messages)
        expect(ids.get(messageText.replace("text ", "h"))).toBe(messageID);
      await confirm(server, ben, "delivered", ...[...messages, ...info].map(({ messageID }) => messageID));
    }
    expect(texts).toEqual(Array.from({ length: next }, (_, at) => `text ${at}`));
    const told: string[] = [];
    for (;;) {
      const { statuses = [], info = [] } = await fetchSigned(server, anna);
      if (statuses.length + info.length === 0) break;
      told.push(...statuses.map(({ messageIDStatus }) => messageIDStatus));
      await confirm(server, anna, "delivered", ...[...statuses, ...info].map(({ messageID }) => messageID));
    }
    expect(told).toEqual([...ids.values()]);
    await server[Symbol.asyncDispose]();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 120_000);
