/** Shared filters as they are told from others, MQTT 5 § 4.8.2. */
import { expect, test } from "bun:test";
import { parseShared, subscriptionOf } from "../../../src/mqtt/routing/subscription.ts";

test.each([
  ["a/b", undefined],
  ["$shared/a/b", undefined],
  ["$SHARE/a/b", undefined],
  ["$shar", undefined],
  ["a/$share/b/c", undefined],
  ["$share/g/a", { shareName: "g", filter: "a" }],
  ["$share/g/a/+/#", { shareName: "g", filter: "a/+/#" }],
  ["$share/g//a", { shareName: "g", filter: "/a" }],
  ["$share/g//", { shareName: "g", filter: "/" }],
  ["$share/g/$share/h/a", { shareName: "g", filter: "$share/h/a" }],
  ["$share/$SYS/a", { shareName: "$SYS", filter: "a" }],
  ["$share", "malformed"],
  ["$share/", "malformed"],
  ["$share//", "malformed"],
  ["$share//a", "malformed"], // [MQTT-4.8.2-1]: at least one character
  ["$share/g", "malformed"], // [MQTT-4.8.2-2]: a "/" and a filter follow
  ["$share/g/", "malformed"],
  ["$share/+/a", "malformed"],
  ["$share/g+/a", "malformed"],
  ["$share/#/a", "malformed"],
  ["$share/#", "malformed"],
] as const)("%s", (filter, shared) => {
  expect(parseShared(filter)).toEqual(shared as ReturnType<typeof parseShared>);
});

test("what a subscription asks for is read from its options, whether it is one of many alike or not", () => {
  for (const subscriptionId of [undefined, 7]) {
    for (const qos of [0, 1, 2] as const) {
      for (let options = 0; options < 64; options += 4) {
        for (const routed of [true, false]) {
          const subscription = subscriptionOf({ qos, options, subscriptionId, routed });
          const noLocal = (options & 4) !== 0;
          const retainAsPublished = (options & 8) !== 0;
          expect(subscription).toEqual({ qos, options, subscriptionId, routed, noLocal, retainAsPublished });
          expect(subscriptionOf({ qos, options, subscriptionId, routed }) === subscription).toBe(
            subscriptionId === undefined,
          );
        }
      }
    }
  }
});
