/** Erlang itself as the client, against the executable: what it receives equals what the documents print. */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startBinary } from "../cross/binary-server.ts";
import { withDeadline } from "../support/deadline.ts";
import { requireProgram } from "../support/programs.ts";

const phones = ["380441234567", "380441234568"] as const;
const code = "903182";

test.skipIf(!requireProgram("escript"))(
  "a client in Erlang registers, logs in and makes friends, and every answer equals its literal",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "roost-erlang-"));
    const env = { ROOST_SMS_TEST_NUMBERS: phones.map((phone) => `${phone}=${code}`).join(",") };
    const server = await startBinary(join(folder, "data"), { env });
    try {
      const colon = server.mqtt.lastIndexOf(":");
      const address = [server.mqtt.slice(0, colon), server.mqtt.slice(colon + 1)];
      const child = Bun.spawn(["escript", join(import.meta.dir, "client.escript"), ...address, ...phones, code], {
        stdout: "pipe",
        stderr: "pipe",
      });
      const [out, errors] = await withDeadline(
        "the client in Erlang",
        Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]),
        30_000,
      );
      expect([errors, await child.exited]).toEqual(["", 0]);
      expect(out).toMatch(/^ok \d+\n$/);
      expect(Number(out.slice(3))).toBeGreaterThanOrEqual(22);
    } finally {
      await server[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    }
  },
);
