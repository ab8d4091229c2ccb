/**
 * Pairs that have nothing to do with the disk, while an unrelated client has chat messages stored all the time. Against a
 * server whose disk is slow (`slow-disk.ts`) it shows whether the ones wait for the other's commits.
 */
import type { LoadOptions } from "../options.ts";
import type { Report } from "../report.ts";
import { runChatMqtt } from "./chat-mqtt.ts";
import { type Progress, runMqtt } from "./mqtt.ts";

/** The stored messages begin this much earlier, and go on for longer, so that the disk is busy all the while. */
const HEAD_START_MS = 500;
const LONGER_SECONDS = 3;

/** The report is that of the pairs; of the stored messages it has the rate and how long an acknowledgement took. */
export async function runMqttApart(options: LoadOptions, progress: Progress): Promise<Report> {
  const stored = runChatMqtt(
    {
      ...options,
      scenario: "chat-mqtt",
      connections: 1,
      receivers: 1,
      chats: 1,
      rate: 0,
      inFlight: 20,
      qos: 1,
      payloadBytes: Math.max(options.payloadBytes, 28),
      durationSeconds: options.durationSeconds + LONGER_SECONDS,
      seed: options.seed ^ 1,
      pid: undefined,
    },
    undefined,
  );
  stored.catch(() => {}); // awaited below
  await Bun.sleep(HEAD_START_MS);
  const quick = await runMqtt({ ...options, scenario: "mqtt-pairs" }, progress);
  const slow = await stored;
  const problems = [...quick.problems, ...slow.problems.map((problem) => `stored messages: ${problem}`)];
  return {
    ...quick,
    scenario: options.scenario,
    ok: problems.length === 0,
    problems,
    extra: { storedPerSecond: slow.ackedPerSecond, storedAckP50Ms: (slow.ackLatency?.p50Us ?? 0) / 1000 },
  };
}
