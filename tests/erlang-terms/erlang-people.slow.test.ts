/** Erlang itself against the executable: rooms and their members, lists and friends, search, and what a history is filtered for. */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startBinary } from "../cross/binary-server.ts";
import { requireProgram } from "../support/programs.ts";
import { ErlangPhone, type Names } from "./erlang-phone.ts";

const code = "903182";
const numbers = { A: "380441234561", B: "380441234562", C: "380441234563" } as const;
const unknown = "380441239999";
const blanks = (count: number): string => Array.from({ length: count }, () => "[]").join(",");
const invalid = "{io,{error,invalid_data},<<>>}";
const notFound = "{io,{error,not_found},<<>>}";
const rosterNotFound = "{io,{error,roster_not_found},<<>>}";
const denied = "{io,{error,permission_denied},<<>>}";

async function three() {
  const folder = mkdtempSync(join(tmpdir(), "roost-erlang-"));
  const env = {
    ROOST_SMS_TEST_NUMBERS: Object.values(numbers)
      .map((phone) => `${phone}=${code}`)
      .join(","),
  };
  const server = await startBinary(join(folder, "data"), { env });
  const names: Names = new Map();
  const clients: ErlangPhone[] = [];
  const logIn = async (phone: string) => {
    const made = await ErlangPhone.logIn(server.mqtt, { phone, code, names });
    clients.push(made.client);
    return made;
  };
  const [one, two, other] = [await logIn(numbers.A), await logIn(numbers.B), await logIn(numbers.C)];
  const ids = { A: one.userId, B: two.userId, C: other.userId };
  const phoneId = (name: keyof typeof ids): string => `<<"${numbers[name]}_${ids[name]}">>`;
  for (const name of ["A", "B", "C"] as const) {
    names.set(name, `<<${numbers[name]}_${ids[name]}>>`);
    names.set(`phone${name}`, numbers[name]);
  }
  return {
    names,
    a: one.client,
    b: two.client,
    c: other.client,
    ids,
    phoneId,
    async [Symbol.asyncDispose]() {
      for (const client of clients) await client[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const withErlang = test.skipIf(!requireProgram("escript"));

withErlang(
  "a room and its members, told to all three, until its owner leaves it to the next",
  async () => {
    await using all = await three();
    const { names, a, b, c, ids, phoneId } = all;
    const member = (name: "A" | "B" | "C", status = "member"): string =>
      `{Member,${ids[name]},chain,{muc,<<R>>},[],[],[],${name},[],[],[],<<user.${ids[name]}>>,0,Time,[],[],[],${status}}`;
    const room = (status: string, { name = "team", members = "", admins = "" } = {}): string =>
      `{Room,<<R>>,<<${name}>>,[],[],[],[${members}],[${admins}],[],group,[],[],0,[],[],[],Time,Time,${status}}`;
    const admin = member("A", "admin");

    const asked = `{'Room',[],<<"team">>,[],[],[],[${phoneId("B")}],[],${blanks(10)},create}`;
    const made = await a.answer(asked);
    const id = /^\{Room,<<(\d+)>>/.exec(made)?.[1] ?? "";
    names.set("<<R>>", `<<${id}>>`);
    const begun = room("create", { members: member("B"), admins: admin });
    expect(made.replaceAll(`<<${id}>>`, "<<R>>")).toBe(begun);
    for (const [client, name] of [
      [a, "A"],
      [b, "B"],
    ] as const) {
      expect((await client.hears()).replaceAll(`<<${id}>>`, "<<R>>")).toBe(`ses/phone${name} ${begun}`);
    }
    const roomAs = (status: string, { name = "[]", members = "[]", admins = "[]" } = {}): string =>
      `{'Room',<<"${id}">>,${name},[],[],[],${members},${admins},${blanks(10)},${status}}`;
    const memberAs = (status: string, who = "[]"): string =>
      `{'Member',[],[],{muc,<<"${id}">>},[],[],[],${who},${blanks(9)},${status}}`;
    const everyone = { members: `${member("B")},${member("C")}`, admins: admin };
    expect(await b.answer(memberAs("add", phoneId("C")))).toBe(member("C", "add"));
    for (const [client, name] of [
      [a, "A"],
      [b, "B"],
      [c, "C"],
    ] as const) {
      expect(await client.hears()).toBe(`ses/phone${name} ${room("add", { members: member("C") })}`);
    }
    expect(await c.answer(roomAs("get"))).toBe(room("get", everyone));
    expect(await c.answer(memberAs("get"))).toBe(`[${admin},${everyone.members}]`);
    expect(await c.answer(memberAs("get", phoneId("B")))).toBe(member("B"));

    // The owner alone renames and removes, and alone is admin.
    expect(await b.answer(roomAs("patch", { name: '<<"x">>' }))).toBe(denied);
    expect(await b.answer(memberAs("remove", phoneId("C")))).toBe(denied);
    expect(await a.answer(roomAs("patch", { name: '<<"x">>', admins: `[${phoneId("A")},${phoneId("B")}]` }))).toBe(
      denied,
    );
    expect(await a.answer(roomAs("patch", { name: '<<"crew">>', admins: `[${phoneId("A")}]` }))).toBe(
      room("patch", { name: "crew", ...everyone }),
    );
    for (const client of [a, b, c]) expect(await client.hears()).toEndWith(room("patch", { name: "crew" }));
    expect(await b.answer(memberAs("mute"))).toBe(member("B", "mute"));
    expect(await b.hears()).toBe(`ses/phoneB ${room("mute", { name: "crew" })}`);
    expect(await a.answer(memberAs("remove", phoneId("C")))).toBe(member("C", "remove"));
    for (const client of [a, b, c]) {
      expect(await client.hears()).toEndWith(room("leave", { name: "crew", members: member("C") }));
    }
    // Of a room that is not there, and of one that is not the asker's, the same is said.
    expect(await c.answer(roomAs("get"))).toBe(notFound);
    expect(await c.answer(`{'Room',<<"99999">>,${blanks(16)},get}`)).toBe(notFound);
    for (const bad of [`{'Room',<<"${id}">>,${blanks(15)},get}`, `{'Member',${blanks(16)},get}`, roomAs("burn")]) {
      expect(await a.answer(bad)).toBe(invalid);
    }
    expect(await a.answer(roomAs("leave"))).toBe(room("leave", { name: "crew" }));
    const left = room("leave", { name: "crew", members: member("A"), admins: member("B", "admin") });
    for (const [client, name] of [
      [a, "A"],
      [b, "B"],
    ] as const)
      expect(await client.hears()).toBe(`ses/phone${name} ${left}`);
    expect(await b.answer(roomAs("get"))).toBe(room("get", { name: "crew", admins: member("B", "admin") }));
  },
  120_000,
);

withErlang(
  "friends are asked, confirmed, blocked and muted; they are found; a phone has another user, and loses them",
  async () => {
    await using all = await three();
    const { names, a, b, ids, phoneId } = all;
    const contact = (name: string, id: number, status: string, presence = "[]"): string =>
      `{Contact,${name},[],[],[],<<user.${id}>>,[],[],0,0,[],Time,[],${presence},${status}}`;
    const eight = (name: string, status: string): string => `{Contact,${name},[],[],[],[],Time,${status}}`;
    const rosterAs = (status: string, { id = "[]", names: given = "[]", nick = "[]", users = "[]" } = {}): string =>
      `{'Roster',${id},${given},[],[],${nick},${users},${blanks(6)},${status}}`;

    expect(await a.ask(rosterAs("add", { users: `[${phoneId("B")}]` }))).toEqual([
      "actions/1/api/phone/phoneA <<>>",
      `ses/phoneA ${contact("B", ids.B, "request")}`,
      "own {io,{ok,added},<<>>}",
    ]);
    expect([await b.hears(), await b.hears()]).toEqual([
      `actions/1/api/phone/phoneB ${eight("A", "authorization")}`,
      `ses/phoneB ${contact("A", ids.A, "authorization")}`,
    ]);
    const confirmed = await b.ask(`{'Confirm',[],[],${phoneId("A")},friend}`);
    expect(confirmed.filter((one) => !one.startsWith("ac/"))[0]).toBe("actions/1/api/phone/phoneB <<>>");
    const news = new Set<string>();
    while (news.size < 3) news.add(await a.hears({ presenceToo: true }));
    expect([...news].toSorted()).toEqual([
      `ac/phoneB_${ids.B} ${contact("B", ids.B, "friend", "online")}`,
      `actions/1/api/phone/phoneA ${eight("B", "friend")}`,
      `ses/phoneA ${contact("B", ids.B, "friend")}`,
    ]);

    const found = (contacts: string): string =>
      `{io,{ok,<<r1>>},{Roster,${ids.A},[],[],[],[],[${contacts}],[],[],[],<<phoneA>>,[],0,search}}`;
    const none = `{Contact,<<${unknown}>>,[],[],[],[],[],[],0,0,[],0,[],[],not_existence}`;
    expect(await a.answer(`{'Search',[],<<"r1">>,phone,'==',[<<"${numbers.B}">>,<<"${unknown}">>],[]}`)).toBe(
      found(`${contact("B", ids.B, "friend")},${none}`),
    );
    expect(await a.answer(`{'Search',[],<<"r1">>,nick,'==',<<"user.${ids.C}">>,[]}`)).toBe(
      found(contact("C", ids.C, "internal")),
    );
    expect(await a.answer(`{'Search',[],<<"r1">>,phone,'==',[]}`)).toBe(invalid);

    const friendAs = (status: string): string => `{'Friend',${phoneId("A")},${phoneId("B")},[],${status}}`;
    await a.answer(
      `{'Message',[],[],{p2p,${phoneId("A")},${phoneId("B")}},[],[],[],[],[],[],[{'Desc',[],<<"text">>,<<"hi">>,[],[]}],${blanks(6)}}`,
    );
    expect(await a.hears()).toStartWith("p2p/");
    for (const [status, answer, told] of [
      ["mute", "muted", "muted"],
      ["unmute", "unmuted", "unmuted"],
      ["ban", "banned", "banned"],
      ["unban", "unbanned", "unbanned"],
    ] as const) {
      expect(await a.answer(friendAs(status))).toBe(`{io,{ok,${answer}},<<>>}`);
      expect(await a.hears()).toBe(`ses/phoneA ${contact("B", ids.B, told)}`);
    }

    const made = await a.answer(rosterAs("create", { names: '<<"Ann">>', nick: '<<"annw">>' }));
    const second = Number(/^\{Roster,(\d+),/.exec(made)?.[1]);
    names.set("A2", `<<phoneA_${second}>>`);
    const own = `{Contact,A2,[],<<Ann>>,[],<<annw>>,[],[],0,0,[],Time,[],online,friend}`;
    const shown = (status: string): string =>
      `{Roster,${second},<<Ann>>,[],[],<<annw>>,[${own}],[],[],[],<<phoneA>>,[],Time,${status}}`;
    expect(made.replaceAll(`<<phoneA_${second}>>`, "A2")).toBe(shown("create"));
    expect((await a.hears()).replaceAll(`<<phoneA_${second}>>`, "A2")).toBe(`ses/phoneA ${shown("create")}`);
    expect(await a.answer(rosterAs("list"))).toEndWith(`,${shown("list")}]`);
    expect(await a.answer(rosterAs("get", { id: String(second) }))).toBe(shown("get"));
    for (const id of [String(ids.B), phoneId("B"), "99999"]) {
      expect(await a.answer(rosterAs("remove", { id }))).toBe(rosterNotFound);
    }
    for (const bad of [
      rosterAs("remove"),
      rosterAs("create", { id: String(ids.A) }),
      `{'Roster',${blanks(11)},create}`,
    ]) {
      expect(await a.answer(bad)).toBe(invalid);
    }
    const removed = `{Roster,${second},${blanks(8)},<<phoneA>>,[],0,remove}`;
    expect(await a.answer(rosterAs("remove", { id: String(second) }))).toBe(removed);
    expect(await a.hears()).toBe(`ses/phoneA ${removed}`);
    expect(await a.answer(rosterAs("remove", { id: String(ids.A) }))).toBe(denied);
    expect(await a.ask(rosterAs("del", { users: `[${phoneId("B")}]` }))).toContain("own {io,{ok,deleted},<<>>}");
  },
  120_000,
);

withErlang(
  "a history is filtered for one kind of message, or for links",
  async () => {
    await using all = await three();
    const { a, ids, phoneId } = all;
    const feed = `{p2p,${phoneId("A")},${phoneId("B")}}`;
    for (const [type, content] of [
      ["text", "hello"],
      ["image/png", "picture"],
      ["text", "see https://example.org/a"],
    ] as const) {
      const desc = `{'Desc',[],<<"${type}">>,<<"${content}">>,[],[]}`;
      expect(
        await a.answer(`{'Message',[],[],${feed},[],[],<<"${content.slice(0, 3)}">>,[],[],[],[${desc}],${blanks(6)}}`),
      ).toBe(`{Ack,Message,<<${content.slice(0, 3)}>>}`);
    }
    const filtered = async (filter: string, size: number): Promise<string> => {
      const answer = await a.answer(`{'History',[],${feed},${size},0,[],${filter}}`);
      const [, head, count, reached, status] = /^\{History,(.*?\}),(\d+),(\d+),\[.*\],(\w+)\}$/.exec(answer) ?? [];
      expect([head, status]).toEqual([`${ids.A},{p2p,A,B}`, filter]);
      return `${count} ${[...answer.matchAll(/\{Message,(\d+),/g)].map(([, id]) => id).join(" ")} ${reached}`;
    };
    expect(await filtered("image", -5)).toBe("1 2 1");
    expect(await filtered("link", 1)).toBe("1 3 3");
    expect(await filtered("text", -1)).toBe("1 3 3");
    expect(await filtered("text", 5)).toBe("2 1 3 3");
    expect(await a.answer(`{'History',[],${feed},-5,0,[],pictures}`)).toBe(invalid);
    expect(await a.answer(`{'History',[],{muc,<<"99999">>},-5,0,[],image}`)).toBe(notFound);
  },
  120_000,
);
