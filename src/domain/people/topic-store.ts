/** What the store must keep of who may use which ordinary MQTT topics; see `store.ts` for the promises of every method. */
import type { MadeBy, UserId } from "../model.ts";

/** Topic filters with `%u` (the name) and `%c` (the client id of a device). An empty list allows nothing. */
export interface TopicPatterns {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

/** Patterns for many users and devices. */
export interface TopicGroup extends TopicPatterns {
  readonly name: string;
  readonly createdAtMs: number;
}

export interface OwnerTopics {
  /** Undefined for a device, and where there is no such user. */
  readonly madeBy: MadeBy | undefined;
  /** A user's own patterns. A device's stand in its own record. */
  readonly own: TopicPatterns | undefined;
  /** The groups that the user or the device is a member of, by name. */
  readonly groups: readonly TopicGroup[];
}

export interface TopicReads {
  /** `ownerKey`: "user:<id>" or "device:<name>". */
  findTopics(ownerKey: string): Promise<OwnerTopics>;
  /** All groups, by name. */
  listTopicGroups(): Promise<TopicGroup[]>;
  /** Members by their keys, from the first one after `after`. */
  listTopicGroupMembers(page: { name: string; after: string; limit: number }): Promise<string[]>;
}

export interface TopicStore extends TopicReads {
  /** Replaces the user's own patterns; undefined removes them. Throws `user_not_found`. */
  setUserTopics(change: { userId: UserId; patterns: TopicPatterns | undefined }): Promise<void>;
  /** The user counts as made by the operator from now on. Throws `user_not_found`. */
  trustUser(userId: UserId): Promise<void>;
  /** Adds a group; false where there is one of this name, or the most groups allowed. */
  addTopicGroup(group: TopicPatterns & { name: string; groupsMax: number }): Promise<boolean>;
  /** Replaces a group's patterns; false where there is no such group. */
  setTopicGroup(group: TopicPatterns & { name: string }): Promise<boolean>;
  /** Removes a group with its memberships; false where there is none. */
  removeTopicGroup(name: string): Promise<boolean>;
  /** False where there is no such group. Throws `user_not_found` where a new member is neither a user nor a device. */
  changeTopicGroupMembers(change: {
    name: string;
    add: readonly string[];
    remove: readonly string[];
  }): Promise<boolean>;
}
