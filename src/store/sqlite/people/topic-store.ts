/** Who may use which ordinary MQTT topics: reads of this thread's connection, and changes sent to the writer. */
import type { Database } from "bun:sqlite";
import { safeInteger } from "../../../domain/keys.ts";
import type { MadeBy } from "../../../domain/model.ts";
import type { OwnerTopics, TopicGroup, TopicStore } from "../../../domain/people/topic-store.ts";
import { lazily } from "../../../lib/lazily.ts";
import type { Submit } from "../submit.ts";

interface GroupRow {
  readonly name: string;
  readonly publish: string;
  readonly subscribe: string;
  readonly createdAtMs: number;
}

const groupColumns = "g.name, g.publish, g.subscribe, g.created_at_ms createdAtMs";

export function createTopicStore(
  db: Database,
  submit: Submit,
): TopicStore & { findTopicsNow(ownerKey: string): OwnerTopics } {
  const ofUser = lazily(() =>
    db.prepare<{ madeBy: MadeBy; publish: string | null; subscribe: string | null }, [number]>(
      `SELECT made_by madeBy, t.publish, t.subscribe FROM users LEFT JOIN user_topics t USING (user_id) WHERE user_id = ?`,
    ),
  );
  const groupsOf = lazily(() =>
    db.prepare<GroupRow, [string]>(
      `SELECT ${groupColumns} FROM topic_group_members m JOIN topic_groups g ON g.name = m.group_name
       WHERE m.owner_key = ? ORDER BY g.name`,
    ),
  );
  const allGroups = lazily(() =>
    db.prepare<GroupRow, []>(`SELECT ${groupColumns} FROM topic_groups g ORDER BY g.name`),
  );
  const membersOf = lazily(() =>
    db.prepare<{ ownerKey: string }, [string, string, number]>(
      `SELECT owner_key ownerKey FROM topic_group_members WHERE group_name = ? AND owner_key > ?
       ORDER BY owner_key LIMIT ?`,
    ),
  );

  function findTopicsNow(ownerKey: string): OwnerTopics {
    const userId = ownerKey.startsWith("user:") ? safeInteger(ownerKey.slice("user:".length)) : undefined;
    const user = userId === undefined ? null : ofUser().get(userId);
    return {
      madeBy: user?.madeBy,
      own:
        user?.publish == null || user.subscribe === null
          ? undefined
          : { publish: JSON.parse(user.publish) as string[], subscribe: JSON.parse(user.subscribe) as string[] },
      groups: groupsOf().all(ownerKey).map(toGroup),
    };
  }

  // Every change settles one turn after the writer's answer, so that callers see the order of submission.
  return {
    findTopicsNow,
    findTopics: async (ownerKey) => findTopicsNow(ownerKey),
    listTopicGroups: async () => allGroups().all().map(toGroup),
    listTopicGroupMembers: async ({ name, after, limit }) =>
      membersOf()
        .all(name, after, limit)
        .map(({ ownerKey }) => ownerKey),
    setUserTopics: (change) => submit("setUserTopics", change).then(() => {}),
    trustUser: (userId) => submit("trustUser", { userId }).then(() => {}),
    addTopicGroup: (group) => submit("addTopicGroup", group).then((added) => added),
    setTopicGroup: (group) => submit("setTopicGroup", group).then((known) => known),
    removeTopicGroup: (name) => submit("removeTopicGroup", { name }).then((removed) => removed),
    changeTopicGroupMembers: (change) => submit("changeTopicGroupMembers", change).then((known) => known),
  };
}

const toGroup = ({ publish, subscribe, ...row }: GroupRow): TopicGroup => ({
  ...row,
  publish: JSON.parse(publish) as string[],
  subscribe: JSON.parse(subscribe) as string[],
});
