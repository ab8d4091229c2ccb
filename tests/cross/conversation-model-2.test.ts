/** The second half of the histories of `conversation-model-1.test.ts`. */
import { test } from "bun:test";
import { playInProcess, runsOf } from "./conversation/playing.ts";

const count = 5000;

test(
  `a conversation through all doors is as the model has it: ${runsOf(count)} more histories`,
  () => playInProcess(count),
  600_000,
);
