/** Changes to who may use which ordinary MQTT topics: users' own patterns, groups, and users whom the operator trusts. */
import { DomainError } from "../../../domain/errors.ts";
import { safeInteger } from "../../../domain/keys.ts";
import type { TopicPatterns } from "../../../domain/people/topic-store.ts";
import { freeing, growing } from "../engine/change.ts";
import type { Tx } from "../engine/tx.ts";
import type { CredentialParts } from "./credential-parts.ts";
import type { UserParts } from "./user-parts.ts";

export function createTopicChanges(
  tx: Tx,
  { people, credentials }: { people: UserParts; credentials: CredentialParts },
) {
  const { db } = tx;
  const deleteTopics = db.prepare("DELETE FROM user_topics WHERE user_id = ?");
  const upsertTopics = db.prepare(
    `INSERT INTO user_topics (user_id, publish, subscribe) VALUES (?, ?, ?)
     ON CONFLICT DO UPDATE SET publish = excluded.publish, subscribe = excluded.subscribe`,
  );
  const trust = db.prepare("UPDATE users SET made_by = 'operator' WHERE user_id = ?");
  const selectGroup = db.prepare<{ one: 1 }, [string]>("SELECT 1 one FROM topic_groups WHERE name = ?");
  const countGroups = db.prepare<{ count: number }, []>("SELECT count(*) count FROM topic_groups");
  const insertGroup = db.prepare(
    "INSERT INTO topic_groups (name, publish, subscribe, created_at_ms) VALUES (?, ?, ?, ?)",
  );
  const updateGroup = db.prepare("UPDATE topic_groups SET publish = ?2, subscribe = ?3 WHERE name = ?1");
  const deleteGroup = db.prepare("DELETE FROM topic_groups WHERE name = ?");
  const insertMember = db.prepare("INSERT OR IGNORE INTO topic_group_members (owner_key, group_name) VALUES (?, ?)");
  const deleteMember = db.prepare("DELETE FROM topic_group_members WHERE owner_key = ? AND group_name = ?");

  const isGroup = (name: string): boolean => selectGroup.get(name) !== null;

  function setUserTopics({ userId, patterns }: { userId: number; patterns?: TopicPatterns | undefined }): null {
    people.checkPerson(userId);
    tx.writes += 1;
    if (patterns === undefined) deleteTopics.run(userId);
    else upsertTopics.run(userId, JSON.stringify(patterns.publish), JSON.stringify(patterns.subscribe));
    return null;
  }

  function trustUser({ userId }: { userId: number }): null {
    people.checkPerson(userId);
    tx.writes += 1;
    trust.run(userId);
    tx.usersChanged(); // Of the user's hooks, too, it is known what they may take.
    return null;
  }

  function addTopicGroup({ name, publish, subscribe, groupsMax }: TopicPatterns & { name: string; groupsMax: number }) {
    if (isGroup(name) || (countGroups.get()?.count ?? 0) >= groupsMax) return false;
    tx.writes += 1;
    insertGroup.run(name, JSON.stringify(publish), JSON.stringify(subscribe), tx.nowMs);
    return true;
  }

  function setTopicGroup({ name, publish, subscribe }: TopicPatterns & { name: string }): boolean {
    if (!isGroup(name)) return false;
    tx.writes += 1;
    updateGroup.run(name, JSON.stringify(publish), JSON.stringify(subscribe));
    return true;
  }

  function removeTopicGroup({ name }: { name: string }): boolean {
    if (!isGroup(name)) return false;
    tx.writes += 1;
    deleteGroup.run(name); // Memberships are removed with it.
    return true;
  }

  function changeTopicGroupMembers(change: {
    name: string;
    add: readonly string[];
    remove: readonly string[];
  }): boolean {
    const { name, add, remove } = change;
    if (!isGroup(name)) return false;
    for (const ownerKey of add) if (!isOwner(ownerKey)) throw new DomainError("user_not_found", `no ${ownerKey}`);
    for (const ownerKey of add) {
      tx.writes += 1;
      insertMember.run(ownerKey, name);
    }
    for (const ownerKey of remove) {
      tx.writes += 1;
      deleteMember.run(ownerKey, name);
    }
    return true;
  }

  function isOwner(ownerKey: string): boolean {
    if (ownerKey.startsWith("device:")) return credentials.isDevice(ownerKey.slice("device:".length));
    const userId = ownerKey.startsWith("user:") ? safeInteger(ownerKey.slice("user:".length)) : undefined;
    return userId !== undefined && people.find(userId) !== undefined;
  }

  return {
    setUserTopics: growing(setUserTopics),
    trustUser: growing(trustUser),
    addTopicGroup: growing(addTopicGroup),
    setTopicGroup: growing(setTopicGroup),
    removeTopicGroup: freeing(removeTopicGroup),
    changeTopicGroupMembers: growing(changeTopicGroupMembers),
  };
}
