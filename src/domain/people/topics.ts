/**
 * Which ordinary MQTT topics the operator gives to users, one by one or by groups. Groups may have devices as members
 * too. What follows from it for a client is decided where the client is asked (`access/rights.ts`).
 */
import { DomainError } from "../errors.ts";
import type { UserId } from "../model.ts";
import type { Store } from "../store.ts";
import { checkPatterns, type PatternsRequest } from "./topic-patterns.ts";

const groupsMax = 1000;
const groupNamePattern = /^[a-zA-Z0-9._-]{1,128}$/;

export type Topics = ReturnType<typeof createTopics>;

export function createTopics({ store }: { store: Store }) {
  /** Replaces the user's own patterns; undefined removes them. Throws `user_not_found`, `invalid_device`. */
  async function setOfUser(userId: UserId, patterns: PatternsRequest | undefined): Promise<void> {
    await store.setUserTopics({ userId, patterns: patterns && checkPatterns(patterns) });
  }

  /** The user counts as made by the operator from now on. Throws `user_not_found`. */
  const trust = (userId: UserId): Promise<void> => store.trustUser(userId);

  /** False where there is a group of this name. Throws `invalid_name`, `invalid_device`. */
  async function addGroup(name: string, patterns: PatternsRequest): Promise<boolean> {
    if (!groupNamePattern.test(name)) {
      throw new DomainError("invalid_name", "a group's name must match [a-zA-Z0-9._-]{1,128}");
    }
    if ((await store.listTopicGroups()).length >= groupsMax) {
      throw new DomainError("invalid_device", `there are ${groupsMax} groups already`);
    }
    return store.addTopicGroup({ name, ...checkPatterns(patterns), groupsMax });
  }

  /** False where there is no such group. Throws `invalid_device`. */
  const setGroup = async (name: string, patterns: PatternsRequest): Promise<boolean> =>
    store.setTopicGroup({ name, ...checkPatterns(patterns) });

  /** False where there is no such group. */
  const removeGroup = (name: string): Promise<boolean> => store.removeTopicGroup(name);

  /** `add` and `remove`: "user:<id>" or "device:<name>". False where there is no such group. Throws `user_not_found`. */
  const changeMembers = (name: string, change: { add: readonly string[]; remove: readonly string[] }) =>
    store.changeTopicGroupMembers({ name, ...change });

  return { setOfUser, trust, addGroup, setGroup, removeGroup, changeMembers };
}
