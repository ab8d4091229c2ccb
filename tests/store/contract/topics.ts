/** Who made a user, which topics the operator gave to users, and groups of patterns. */
import { expect, test } from "bun:test";
import type { DomainEvent } from "../../../src/domain/events.ts";
import { alsoAfterReopening, device, expectRefusal, type OpenFresh, people } from "./stage.ts";

const unknown = 999_999;

export function topicContract(openFresh: OpenFresh): void {
  test("it is kept who made a user", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const hash = new Uint8Array(32).fill(7);
    await store.addInvite({ hash, uses: 1, lifetimeMs: 1000 });
    await store.createUser({ nick: "Ann", madeBy: "operator" });
    const ben = await store.createUser({ nick: "Ben" });
    await store.createUser({ nick: "Cid", invite: hash });
    await store.createUser({ nick: "Kim" });
    const dora = { username: "dora", tokens: [] };
    await store.provision([dora]);
    await store.putMembers({ chatKey: "team", people: [{ username: "emil" }], chatName: undefined });
    await store.trustUser(ben.userId);
    await expectRefusal(store.trustUser(unknown as typeof ben.userId), "user_not_found");
    // A later request of a backend changes nothing about that.
    await store.provision([{ ...dora, displayName: "Dora" }]);
    await alsoAfterReopening(opened, async (now) => {
      const made = (await now.listUsers({ after: 0, limit: 10 })).map(({ nick, madeBy }) => `${nick} ${madeBy}`);
      expect(made).toEqual([
        "Ann operator",
        "Ben operator",
        "Cid invited",
        "Kim registered",
        "Dora backend",
        "emil backend",
      ]);
    });
  });

  test("a user's own patterns are replaced and removed", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann] = await people(store, "Ann");
    const key = `user:${ann.userId}`;
    expect(await store.findTopics(key)).toEqual({ madeBy: "registered", own: undefined, groups: [] });
    await store.setUserTopics({ userId: ann.userId, patterns: { publish: ["a/%u"], subscribe: [] } });
    await store.setUserTopics({ userId: ann.userId, patterns: { publish: [], subscribe: ["b/#"] } });
    await alsoAfterReopening(opened, async (now) => {
      expect((await now.findTopics(key)).own).toEqual({ publish: [], subscribe: ["b/#"] });
    });
    await opened.store.setUserTopics({ userId: ann.userId, patterns: undefined });
    expect((await opened.store.findTopics(key)).own).toBeUndefined();
    await expectRefusal(
      opened.store.setUserTopics({ userId: unknown as typeof ann.userId, patterns: undefined }),
      "user_not_found",
    );
    await opened.store.setUserTopics({ userId: ann.userId, patterns: { publish: ["a"], subscribe: [] } });
    await opened.store.removeUser(ann.userId);
    expect(await opened.store.findTopics(key)).toEqual({ madeBy: undefined, own: undefined, groups: [] });
  });

  test("groups have patterns and members, which go with the group, the user and the device", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, ben] = await people(store, "Ann", "Ben");
    await store.addMqttDevice(device("lamp"));
    const lamps = { name: "lamps", publish: ["s/%u"], subscribe: ["all"], groupsMax: 2 };
    expect(await store.addTopicGroup(lamps)).toBe(true);
    expect(await store.addTopicGroup(lamps)).toBe(false);
    expect(await store.addTopicGroup({ ...lamps, name: "a" })).toBe(true);
    expect(await store.addTopicGroup({ ...lamps, name: "b" })).toBe(false);
    const members = [`user:${ann.userId}`, `user:${ben.userId}`, "device:lamp"];
    for (const name of ["lamps", "a"]) {
      expect(await store.changeTopicGroupMembers({ name, add: members, remove: [] })).toBe(true);
    }
    expect(await store.changeTopicGroupMembers({ name: "b", add: members, remove: [] })).toBe(false);
    for (const stranger of [`user:${unknown}`, "device:none", "lamp"]) {
      const change = { name: "a", add: [`user:${ann.userId}`, stranger], remove: [] };
      await expectRefusal(store.changeTopicGroupMembers(change), "user_not_found");
    }
    await store.changeTopicGroupMembers({ name: "a", add: [], remove: [`user:${ann.userId}`, "device:none"] });
    expect(await store.setTopicGroup({ name: "a", publish: [], subscribe: ["new"] })).toBe(true);
    expect(await store.setTopicGroup({ name: "b", publish: [], subscribe: ["new"] })).toBe(false);
    await alsoAfterReopening(opened, async (now) => {
      expect((await now.listTopicGroups()).map(({ name, publish, subscribe }) => [name, publish, subscribe])).toEqual([
        ["a", [], ["new"]],
        ["lamps", ["s/%u"], ["all"]],
      ]);
      const namesOf = async (key: string) => (await now.findTopics(key)).groups.map(({ name }) => name);
      expect(await namesOf(`user:${ann.userId}`)).toEqual(["lamps"]);
      expect(await namesOf("device:lamp")).toEqual(["a", "lamps"]);
      expect(await now.listTopicGroupMembers({ name: "lamps", after: "", limit: 2 })).toEqual([
        "device:lamp",
        `user:${ann.userId}`,
      ]);
      expect(await now.listTopicGroupMembers({ name: "lamps", after: `user:${ann.userId}`, limit: 2 })).toEqual([
        `user:${ben.userId}`,
      ]);
    });
    const now = opened.store;
    await now.removeMqttDevice("lamp");
    await now.removeUser(ben.userId);
    expect(await now.listTopicGroupMembers({ name: "lamps", after: "", limit: 9 })).toEqual([`user:${ann.userId}`]);
    expect([await now.removeTopicGroup("lamps"), await now.removeTopicGroup("lamps")]).toEqual([true, false]);
    expect((await now.findTopics(`user:${ann.userId}`)).groups).toEqual([]);
  });

  test("whoever has connections is told whose topics changed", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const told: unknown[] = [];
    store.onCommitted({
      hears: (type) => type === "topics.changed" || type === "device.changed",
      committed(events: readonly DomainEvent[]) {
        for (const event of events) {
          if (event.type === "topics.changed") told.push(event.ownerKey ?? "all");
          if (event.type === "device.changed") told.push([event.device.name, event.newPassword]);
        }
        return undefined;
      },
    });
    const [ann] = await people(store, "Ann");
    await store.addTopicGroup({ name: "g", publish: [], subscribe: [], groupsMax: 9 });
    expect(told).toEqual([]);
    await store.setUserTopics({ userId: ann.userId, patterns: undefined });
    await store.trustUser(ann.userId);
    await store.setTopicGroup({ name: "none", publish: [], subscribe: [] });
    await store.setTopicGroup({ name: "g", publish: [], subscribe: [] });
    await store.changeTopicGroupMembers({ name: "g", add: [`user:${ann.userId}`], remove: [] });
    await store.removeTopicGroup("g");
    await store.removeTopicGroup("g");
    expect(told).toEqual([`user:${ann.userId}`, `user:${ann.userId}`, "all", "all", "all"]);
  });
}
