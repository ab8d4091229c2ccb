/** The test of one receiver's door: everything that the programs need, or a skip that says so. */
import { expect, test } from "bun:test";
import { pythonWith, requireProgram } from "../../support/programs.ts";
import { states } from "./acts.ts";
import type { Door } from "./client.ts";
import { doors } from "./client.ts";
import { matrixTo } from "./matrix.ts";
import { columns } from "./table.ts";

const programs = ["stdbuf", "mosquitto_sub", "mosquitto_pub", "mosquitto_rr", "curl", "escript"];

export async function testReceiver(to: Door): Promise<void> {
  const python = await pythonWith(["websockets", "msgpack"]);
  const ready = programs.map(requireProgram).every((there) => there) && python !== undefined;
  test.skipIf(!ready)(
    `what is said at every door is heard at that of ${to}, which is online, away, or cut off and resumed`,
    async () => {
      const table = await matrixTo(to, python ?? "");
      table.print();
      expect(table.wrong).toEqual([]);
      expect(table.cells).toHaveLength(doors.length * states.length * columns.length);
    },
    180_000,
  );
}
