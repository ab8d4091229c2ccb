/** How many histories are played, and by which seed. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { withDeadline } from "../../support/deadline.ts";
import { backendKey } from "../binary-server.ts";
import { Running } from "../running.ts";
import { Cast } from "./cast.ts";
import { History, type Kills, type Step, stepMaxima } from "./history.ts";
import { startInProcess } from "./in-process.ts";
import { wiresOf } from "./sockets.ts";

const asked = process.env["ROOST_MODEL_SEED"];
const histories = process.env["ROOST_MODEL_RUNS"];
const [does, who, where, what] = stepMaxima;
const step: fc.Arbitrary<Step> = fc.tuple(fc.nat(does), fc.nat(who), fc.nat(where), fc.nat(what));
const stepsOf = (minLength: number, maxLength: number) => fc.array(step, { minLength, maxLength, size: "max" });

export const runsOf = (count: number): number => Number(histories ?? count);
const newSeed = (): number => Number(asked ?? Math.floor(Math.random() * 2 ** 31));

/** Against a server in this process. `examples` are histories that once failed. */
export async function playInProcess(count: number, examples: readonly (readonly Step[])[] = []): Promise<void> {
  await using wires = await startInProcess();
  const cast = new Cast("h");
  const seed = newSeed();
  const before = process.cpuUsage();
  const play = (steps: readonly Step[]) => new History(wires, { cast, isKilled: false }).play(steps);
  for (const steps of examples) await play(steps);
  await fc.assert(fc.asyncProperty(stepsOf(1, 10), play), { numRuns: runsOf(count), seed });
  const { user, system } = process.cpuUsage(before);
  const seconds = ((user + system) / 1e6).toFixed(1);
  console.log(`conversations: ${runsOf(count)} histories, seed ${seed}: ${seconds} s of processor time`);
}

/** A kill comes so long after a step began. */
const killWithinMs = 15;

/** Every client comes from the same address, and asks as fast as it is answered. */
const oneAddress = {
  ROOST_LIMITS_MQTT_CONNECTIONS_PER_ADDRESS: "1000000",
  ROOST_LIMITS_MQTT_CONNECTS_PER_ADDRESS_SECOND: "1000000",
  ROOST_LIMITS_WEBSOCKET_REQUESTS_PER_SECOND: "1000000",
  ROOST_LIMITS_WEBSOCKET_ACCOUNT_REQUESTS_PER_SECOND: "1000000",
};

/** Against the binary, which is killed in the middle of steps. A history is not shrunk: when a kill hits is never twice the same. */
export async function playWithKills(count: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "roost-conversation-"));
  const running = new Running(join(folder, "data"), oneAddress);
  const wires = wiresOf(running, backendKey);
  const cast = new Cast("k");
  const seed = newSeed();
  console.log(`conversations and kill -9: ${runsOf(count)} histories, seed ${seed}`);
  const kill =
    (afterMs: number) =>
    async (work: () => Promise<void>): Promise<void> => {
      const working = work().catch(() => {}); // ended by the kill
      await Bun.sleep(afterMs); // the random moment itself, not a wait for something
      await running.kill();
      await withDeadline("everything to notice the kill", working, 20_000);
      await running.start();
    };
  const moments = fc.array(fc.tuple(fc.integer({ min: 1, max: 24 }), fc.nat(killWithinMs)), {
    minLength: 1,
    maxLength: 2,
  });
  try {
    await running.start();
    const play = (steps: readonly Step[], at: readonly (readonly [number, number])[]): Promise<void> => {
      const kills: Kills = new Map(at.map(([number, afterMs]) => [number, kill(afterMs)]));
      return new History(wires, { cast, isKilled: true }).play(steps, kills);
    };
    await fc.assert(fc.asyncProperty(stepsOf(16, 24), moments, play), {
      numRuns: runsOf(count),
      seed,
      endOnFailure: true,
    });
  } finally {
    await running.server?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  }
}
