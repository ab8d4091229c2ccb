/** Several services of one broker: whose a topic is, who has a part in a filter, who hears of a session. */
import { expect, test } from "bun:test";
import type { Principal } from "../../../src/mqtt/identity.ts";
import { isRouted, servingOf } from "../../../src/mqtt/routing/subscription.ts";
import { noTopics, type Service, type ServiceSession, type SubscribeAnswer } from "../../../src/mqtt/service.ts";
import { Services } from "../../../src/mqtt/services.ts";
import { Session } from "../../../src/mqtt/session/session.ts";
import { SteppedBroker } from "../../support/stepped-broker.ts";

const { parts } = new SteppedBroker();
const open = (): Session => new Session(parts, { principal: { key: "ann" }, clientId: "c", storedId: undefined });

/** A service that answers every filter alike. */
const answering = (answer: SubscribeAnswer, told: string[] = [], name: string = answer): Service => ({
  ...noTopics,
  serving: () => answer,
  subscribed: (_session, filter, qos) => void told.push(`${name} ${filter} ${qos}`),
});

test("a topic belongs to the first service that serves it, and to no service where none does", () => {
  const serves = (prefix: string): Service => ({ ...noTopics, serves: (topic) => topic.startsWith(prefix) });
  const [a, ab, b] = [serves("a"), serves("ab"), serves("b")];
  const services = new Services([noTopics, a, ab, b]);
  expect([services.of("abc"), services.of("bc"), services.of("c")]).toEqual([a, b, undefined]);
});

test.each([
  [["none", "none"], "none", []],
  [["none", "both"], "both", ["both"]],
  [["both", "both"], "both", ["both", "both"]],
  [["service", "both"], "service", ["service", "both"]],
  [["both", "service", "service"], "service", ["both", "service", "service"]],
  [["service", "addressed"], "addressed", ["service", "addressed"]],
  [["none", "refused"], "refused", []],
  [["service", "refused"], "refused", []],
] as const)("services that answer a filter by %j make it %s", (answers, answer, by) => {
  const told: string[] = [];
  const services = new Services(answers.map((each) => answering(each, told)));
  const serving = services.serving(open(), "f");
  expect(serving.answer).toBe(answer);
  services.subscribed(serving, open(), "f", 1);
  expect(told).toEqual(by.map((each) => `${each} f 1`));
});

test.each([
  ["none", "f", "refused"],
  ["both", "f", "both"],
  ["service", "f", "service"],
  ["addressed", "f", "addressed"],
  ["service", "$share/g/f", "refused"],
  ["both", "$share/g/f", "refused"],
  ["service", "$share/g", "refused"],
] as const)("where nothing ordinary is allowed, %s makes %s %s", (answer, filter, expected) => {
  const services = new Services([answering(answer)]);
  const serving = servingOf({ services, authorize: () => false }, open(), filter);
  expect(serving.answer).toBe(expected);
  expect(servingOf({ services, authorize: () => true }, open(), "f").answer).toBe(answer);
  expect(isRouted(answer)).toBe(answer === "none" || answer === "both");
});

test("every service is told of an UNSUBSCRIBE, and any may say that the filter was heard", () => {
  const told: string[] = [];
  const unsubscribing = (name: string, heard: boolean): Service => ({
    ...noTopics,
    unsubscribed: () => told.push(name) > 0 && heard,
  });
  const [yes, no] = [unsubscribing("yes", true), unsubscribing("no", false)];
  expect(new Services([yes, noTopics, no]).unsubscribed(open(), "f")).toBe(true);
  expect(new Services([no, no]).unsubscribed(open(), "f")).toBe(false);
  expect(told).toEqual(["yes", "no", "no", "no"]);
});

test("what any of them forbids is forbidden", () => {
  const forbidding = (key: string): Service => ({
    ...noTopics,
    forbids: (principal: Principal, action, topic) =>
      principal.key === key && action === "publish" && topic.startsWith("x/"),
  });
  const services = new Services([noTopics, forbidding("ann"), forbidding("bob")]);
  const asked = [
    ["ann", "publish", "x/1"],
    ["bob", "publish", "x/1"],
    ["eve", "publish", "x/1"],
    ["ann", "deliver", "x/1"],
    ["ann", "publish", "y"],
  ] as const;
  const answers = asked.map(([key, action, topic]) => services.forbid({ key }, action, topic));
  expect(answers).toEqual([true, true, false, false, false]);
});

test("services hear of sessions in their order, and of none that one before them closed", () => {
  const told: string[] = [];
  let connected = true;
  const session: ServiceSession = Object.defineProperty(open(), "connected", { get: () => connected });
  const following = (name: string, closes = false): Service => ({
    ...noTopics,
    opened(_session, { resumed }) {
      told.push(`${name} opened ${resumed}`);
      if (closes) connected = false;
    },
    closed: () => void told.push(`${name} closed`),
    ended: () => void told.push(`${name} ended`),
  });
  new Services([following("a"), noTopics, following("b")]).opened(session, { resumed: true });
  new Services([following("c", true), following("d")]).opened(session, { resumed: false });
  const services = new Services([following("a"), following("b")]);
  services.closed(session);
  services.ended(session);
  expect(told).toEqual([
    "a opened true",
    "b opened true",
    "c opened false",
    "a closed",
    "b closed",
    "a ended",
    "b ended",
  ]);
});
