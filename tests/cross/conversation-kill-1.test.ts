/**
 * The histories of `conversation-model-1.test.ts`, longer, with the binary, which is killed with -9 in the middle of one or
 * two steps: what was in doubt is said again, and everything is as the model has it. `ROOST_MODEL_RUNS=<count>` plays as
 * many. The other half is in `conversation-kill-2.test.ts`, so that two processes share them.
 */
import { test } from "bun:test";
import { playWithKills, runsOf } from "./conversation/playing.ts";

const count = 25;

test(
  `a conversation through all doors outlives kill -9 as the model has it: ${runsOf(count)} histories`,
  () => playWithKills(count),
  600_000,
);
