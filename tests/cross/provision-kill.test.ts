/**
 * Participants from one stream on the compiled binary, with the client and then the server killed half-way: run again, it
 * ends in the same state with the same answers. `ROOST_PROVISION=10000 bun test tests/cross/provision-kill.test.ts`
 * makes ten thousand, and says how fast that was.
 */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { call } from "../rest/client.ts";
import { withDeadline } from "../support/deadline.ts";
import { type BinaryServer, backendKey, startBinary } from "./binary-server.ts";

const count = Number(process.env["ROOST_PROVISION"] ?? 2000);
const lines = Array.from({ length: count }, (_, at) => JSON.stringify({ userID: `participant-${at}` }));

/** Sends the whole stream; calls `progress` with what has come so far, and stops when that closes the socket. */
function provision(
  server: BinaryServer,
  progress: (answers: number, kill: () => void) => void = () => {},
): Promise<string[]> {
  const { hostname, port } = new URL(`http://${server.http}`);
  const body = `${lines.join("\n")}\n`;
  return new Promise((resolve) => {
    let text = "";
    let answers = 0;
    const socket = connect(Number(port), hostname, () => {
      socket.write(
        `POST /token HTTP/1.1\r\nHost: roost\r\nConnection: close\r\nAuthorization: Bearer ${backendKey}\r\n` +
          `Content-Type: application/x-ndjson\r\nIdempotency-Key: import\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      );
    });
    socket.on("data", (chunk: Buffer) => {
      const piece = chunk.toString();
      text += piece;
      answers += piece.split('"accessToken"').length - 1;
      progress(answers, () => socket.destroy());
    });
    socket.on("error", () => {}); // A killed server resets; what came counts.
    socket.on("close", () => resolve(text.match(/^\{.*\}$/gm) ?? []));
  });
}

test(
  `${count} participants from one stream, with the client and the server killed half-way`,
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "roost-provision-"));
    const data = join(folder, "data");
    try {
      let server = await startBinary(data);
      const afterClient = await provision(server, (answers, kill) => {
        if (answers > count / 3) kill();
      });
      expect(afterClient.length).toBeGreaterThan(count / 3 - 1);
      expect(afterClient.length).toBeLessThan(count);

      const afterServer = await provision(server, (answers) => {
        if (answers > (count * 2) / 3) process.kill(server.pid, "SIGKILL");
      });
      await withDeadline("the server to be gone", server.exited);
      expect(afterServer.slice(0, afterClient.length)).toEqual(afterClient.slice(0, afterServer.length));

      server = await startBinary(data);
      const startedMs = performance.now();
      const all = await provision(server);
      const tookMs = performance.now() - startedMs;
      console.log(`${count} participants in ${Math.round(tookMs)} ms: ${Math.round((count / tookMs) * 1000)} a second`);
      expect(all).toHaveLength(count);
      // What was answered before either was killed stands.
      expect(all.slice(0, afterClient.length)).toEqual(afterClient);
      expect(all.slice(0, afterServer.length)).toEqual(afterServer);
      const answers = all.map((line) => JSON.parse(line) as { userID: string; status: number; accessToken: string });
      expect(answers.every(({ userID, status }, at) => userID === `participant-${at}` && status === 201)).toBe(true);
      for (const at of [0, Math.floor(count / 3), count - 1]) {
        expect((await call(server, "GET /messages?format=simple", { as: answers[at]?.accessToken })).status).toBe(200);
      }
      await server[Symbol.asyncDispose]();
      using db = new Database(join(data, "roost.db"), { readonly: true });
      const rows = (table: string) => db.query<{ n: number }, []>(`SELECT count(*) n FROM ${table}`).get()?.n;
      expect([rows("users"), rows("tokens"), rows("token_runs")]).toEqual([count, 2 * count, 1]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
  60_000 + count * 20,
);
