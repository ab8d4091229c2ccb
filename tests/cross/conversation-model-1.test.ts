/**
 * People act through any door, cut their clients' lines, come back and ask, beside a model of what was said
 * (`conversation/model.ts`): what was acknowledged waits wherever it was not got, nothing confirmed comes again, no position
 * goes back, who asks for changes shows what there is, and who left a chat learns nothing more of it.
 * `ROOST_MODEL_RUNS=<count>` plays as many histories. A failure prints the history and its seed; `ROOST_MODEL_SEED=<seed>`
 * repeats it. The other half of the histories is in `conversation-model-2.test.ts`, so that two processes share them.
 */
import { test } from "bun:test";
import type { Step } from "./conversation/history.ts";
import { playInProcess, runsOf } from "./conversation/playing.ts";

const count = 5000;
/** Histories that failed once. */
const examples: readonly (readonly Step[])[] = [
  // Ann, who has no phone, blocks Ben by Erlang terms and by her PhoneId.
  [
    [53, 0, 6, 0],
    [0, 0, 0, 0],
  ],
];

test(
  `a conversation through all doors is as the model has it: ${runsOf(count)} histories`,
  () => playInProcess(count, examples),
  600_000,
);
