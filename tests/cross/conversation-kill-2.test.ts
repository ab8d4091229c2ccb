/** The second half of the histories of `conversation-kill-1.test.ts`. */
import { test } from "bun:test";
import { playWithKills, runsOf } from "./conversation/playing.ts";

const count = 25;

test(
  `a conversation through all doors outlives kill -9 as the model has it: ${runsOf(count)} more histories`,
  () => playWithKills(count),
  600_000,
);
