/** What an account without a phone hears in terms of friends: that they are there. It has no `ses/` on which requests are told. */
import { expect, test } from "bun:test";
import { createManualClock } from "../support/manual-clock.ts";
import { atom, binary, Conversation, tuple } from "./conversation-stage.ts";

test("an account without a phone hears on ac/ of friends alone; who asks it stands in its Roster", async () => {
  // That a client came is told to friends after a moment, which does not pass here.
  await using stage = await Conversation.start({ clock: createManualClock(Date.now()) });
  const a = await stage.phone("A");
  const aId = await stage.phones.userId("A");
  const { userId } = await stage.server.domain.accounts.register({
    nick: "Carl",
    password: "a password",
    address: "127.0.0.1",
  });
  const carl = await stage.phones.connect("carl", { username: String(userId), password: Buffer.from("a password") });
  for (const filter of ["ac/#", "p2p/#", "room/#", "actions/api/carl"]) expect(await carl.subscribe(filter, 1)).toBe(1);
  for (const filter of [`ses/_${userId}`, `ses/${userId}`]) expect(await carl.subscribe(filter, 1)).toBe(0x80);
  const rosterOf = async (): Promise<string> => {
    const [shown = ""] = await stage.ask(carl, tuple("Roster", ...Array.from({ length: 12 }, () => []), atom("get")));
    return shown;
  };
  expect(await rosterOf()).not.toContain("authorization");
  await stage.ask(a, tuple("Friend", [], [], binary(`_${userId}`), atom("simple")));
  // A stranger is no friend yet, and is not told of on a topic of friends.
  expect(stage.show(await carl.heard())).toEqual([]);
  const contact = (status: string, presence: string): string =>
    `{Contact,A,[],[],[],<<user.${aId}>>,[],[],0,0,[],Time,[],${presence},${status}}`;
  expect(await rosterOf()).toContain(contact("authorization", "[]"));
  // Confirmed at another door, where it heard of the request.
  await stage.server.domain.contacts.confirm(userId, aId);
  expect(await stage.hears(carl, 1)).toEqual([`ac/A@0 ${contact("friend", "online")}`]);
  expect(await rosterOf()).toContain(contact("friend", "online"));
  await stage.server.domain.contacts.revoke(userId, aId);
  expect(await stage.hears(carl, 1)).toEqual([`ac/A@0 ${contact("friend", "offline")}`]);
});
