/** The trie and the routes built on it, against the plain reading of § 4.7. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { Routes } from "../../../src/mqtt/routing/routes.ts";
import { subscriptionOf } from "../../../src/mqtt/routing/subscription.ts";
import { TopicTree } from "../../../src/mqtt/routing/topic-tree.ts";
import { Session } from "../../../src/mqtt/session/session.ts";
import type { Qos } from "../../../src/mqtt/wire/protocol.ts";
import { isTopicFilter } from "../../../src/mqtt/wire/topic-names.ts";
import { SteppedBroker } from "../../support/stepped-broker.ts";

/** § 4.7 word by word. */
function matches(filter: string, topic: string): boolean {
  if (topic.startsWith("$") && (filter.startsWith("#") || filter.startsWith("+"))) return false;
  const filterLevels = filter.split("/");
  const topicLevels = topic.split("/");
  for (const [index, level] of filterLevels.entries()) {
    if (level === "#") return true; // also the parent: the levels before it matched
    if (index >= topicLevels.length) return false;
    if (level !== "+" && level !== topicLevels[index]) return false;
  }
  return filterLevels.length === topicLevels.length;
}

test.each([
  ["sport/tennis/player1/#", "sport/tennis/player1", true],
  ["sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true],
  ["sport/#", "sport", true],
  ["#", "a/b", true],
  ["sport/tennis/+", "sport/tennis/player1", true],
  ["sport/tennis/+", "sport/tennis/player1/ranking", false],
  ["sport/+", "sport", false],
  ["sport/+", "sport/", true],
  ["+/+", "/finance", true],
  ["/+", "/finance", true],
  ["+", "/finance", false],
  ["#", "$SYS/x", false],
  ["+/monitor", "$SYS/monitor", false],
  ["$SYS/#", "$SYS/monitor", true],
  ["$SYS/monitor/+", "$SYS/monitor/Clients", true],
  ["ACCOUNTS", "Accounts", false],
  ["a//b", "a//b", true],
  ["a/+/b", "a//b", true],
  ["/a", "a", false],
] as const)("filter %s, topic %s: %p", (filter, topic, match) => {
  const subscriptions = new TopicTree<string>();
  subscriptions.add(filter, "a subscriber");
  const found: string[] = [];
  subscriptions.match(topic, (subscriber) => found.push(subscriber));
  expect(found.length > 0).toBe(match);
  expect(matches(filter, topic)).toBe(match); // the naive matcher below is no better than this table
});

const level = fc.constantFrom("a", "b", "", "$x");
const filterLevel = fc.constantFrom("a", "b", "", "$x", "+", "#");
const topicName = fc
  .array(level, { minLength: 1, maxLength: 4 })
  .map((levels) => levels.join("/"))
  .filter((topic) => topic !== "");
const topicFilter = fc
  .array(filterLevel, { minLength: 1, maxLength: 4 })
  .map((levels) => levels.join("/"))
  .filter(isTopicFilter);
const change = fc.record({
  add: fc.boolean(),
  filter: topicFilter,
  subscriber: fc.constantFrom("x", "y", "z"),
});

const modelKey = (filter: string, subscriber: string) => `${subscriber} ${filter}`;

test("the trie agrees with the naive matcher through any changes", () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 40 }), fc.array(topicName, { maxLength: 10 }), (changes, topics) => {
      const subscriptions = new TopicTree<string>();
      const model = new Set<string>();
      for (const { add, filter, subscriber } of changes) {
        if (add) {
          subscriptions.add(filter, subscriber);
          model.add(modelKey(filter, subscriber));
        } else {
          expect(subscriptions.remove(filter, subscriber)).toBe(model.delete(modelKey(filter, subscriber)));
        }
      }
      expect(subscriptions.count).toBe(model.size);
      for (const topic of topics) {
        const found: string[] = [];
        subscriptions.match(topic, (subscriber, filter) => found.push(modelKey(filter, subscriber)));
        const naive = [...model].filter((key) => matches(key.slice(2), topic));
        expect(found.toSorted()).toEqual(naive.toSorted());
      }
    }),
    { numRuns: 500 },
  );
});

/** One filter in three is shared; of two share names, so that groups overlap. */
const sharedFilter = fc
  .tuple(fc.constantFrom("", "", "", "", "$share/g/", "$share/h/"), topicFilter)
  .map(([share, filter]) => share + filter);
const sharedChange = fc.record({
  add: fc.boolean(),
  filter: sharedFilter,
  subscriber: fc.constantFrom("x", "y", "z"),
  qos: fc.constantFrom(0 as const, 1 as const, 2 as const),
});

test("a cached route is never out of date, whatever changes in between and however small the cache", () => {
  const { parts } = new SteppedBroker();
  // Few topics, so that most are looked up again after a change.
  const topic = fc.constantFrom("a", "a/b", "b/a", "$x/a", "/", "$share/g/a");
  const look = fc.record({ topic, forbid: fc.option(fc.constantFrom("x", "y", "z"), { freq: 1 }) });
  fc.assert(
    fc.property(
      fc.array(fc.oneof(sharedChange, look), { maxLength: 60, size: "max" }),
      fc.integer({ min: 1, max: 20 }),
      (steps, routesMax) => {
        let forbidden: string | null = null;
        let permissions = 0;
        const routes = new Routes({
          identity: { permissionsVersion: () => permissions },
          authorize: (principal) => principal.key !== forbidden,
          services: parts.services,
          queueWriter: parts.queueWriter,
          memory: parts.memory,
          limits: { ...parts.limits, routeCacheBytesMax: routesMax * 300 },
        });
        const sessions = new Map(
          ["x", "y", "z"].map((key) => [
            key,
            new Session(parts, { principal: { key }, clientId: key, storedId: undefined }),
          ]),
        );
        const model = new Map<string, Qos>();
        for (const step of steps) {
          if ("topic" in step) {
            if (step.forbid !== forbidden) permissions++;
            forbidden = step.forbid;
            const naive = new Map<string, number>();
            const naiveGroups = new Map<string, Set<string>>();
            for (const [key, qos] of model) {
              const subscriber = key.slice(0, 1);
              const filter = key.slice(2);
              const [share, name] = filter.split("/");
              if (share === "$share") {
                if (!matches(filter.slice(`$share/${name}/`.length), step.topic)) continue;
                const members = naiveGroups.get(filter) ?? new Set();
                naiveGroups.set(filter, members.add(subscriber));
                continue;
              }
              if (subscriber === forbidden || !matches(filter, step.topic)) continue;
              naive.set(subscriber, Math.max(qos, naive.get(subscriber) ?? 0));
            }
            const route = routes.find(step.topic);
            const found = route.sessions.map((session, index) => [session.principal.key, route.qos[index]]);
            expect(new Map(found as [string, number][])).toEqual(naive);
            expect(found).toHaveLength(naive.size);
            const groups = (route.groups ?? []).map(({ sharedFilter, size }) => `${sharedFilter} ${size}`);
            const expected = [...naiveGroups].map(([filter, members]) => `${filter} ${members.size}`);
            expect(groups.toSorted()).toEqual(expected.toSorted());
          } else {
            const session = sessions.get(step.subscriber);
            if (session === undefined) continue;
            const { qos } = step;
            if (step.add) {
              const subscription = subscriptionOf({ qos, options: 0, subscriptionId: undefined, routed: true });
              session.setSubscription(step.filter, subscription);
              routes.add(step.filter, session, subscription);
              model.set(modelKey(step.filter, step.subscriber), qos);
            } else {
              session.deleteSubscription(step.filter);
              routes.remove(step.filter, session);
              model.delete(modelKey(step.filter, step.subscriber));
            }
            expect(routes.subscriptionCount).toBe(model.size);
          }
        }
        expect(routes.hasGroups).toBe([...model.keys()].some((key) => key.slice(2).startsWith("$share/")));
      },
    ),
    { numRuns: 500 },
  );
});

test("routes to long topics take no more than the cache may have", () => {
  const { parts } = new SteppedBroker({ limits: { routeCacheBytesMax: 64 * 1024 } });
  for (let n = 0; n < 1000; n += 1) {
    expect(parts.routes.find(`${n}/`.padEnd(4000, "x")).sessions).toEqual([]);
    expect(parts.memory.keptBytes).toBeLessThanOrEqual(64 * 1024);
  }
  expect(parts.memory.keptBytes).toBeGreaterThan(32 * 1024);
});
