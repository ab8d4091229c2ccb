/** Every mutation. */
import { answerMutations } from "./answers.ts";
import { connectMutations } from "./connect.ts";
import type { Mutation } from "./mutation.ts";
import { packetMutations } from "./packets.ts";
import { publishMutations } from "./publish.ts";
import { retainedMutations } from "./retained.ts";
import { subscribeMutations } from "./subscribe.ts";
import { willMutations } from "./wills.ts";

export const mutations: readonly Mutation[] = [
  ...packetMutations,
  ...connectMutations,
  ...willMutations,
  ...publishMutations,
  ...retainedMutations,
  ...subscribeMutations,
  ...answerMutations,
];
