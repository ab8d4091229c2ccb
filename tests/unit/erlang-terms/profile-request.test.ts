/** Whatever terms a `Profile` holds, reading it gives a value within its bounds. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  codeIn,
  profileRequests,
  readCode,
  readProfile,
  readRosters,
  readServices,
  readSettings,
} from "../../../src/erlang-terms/records/profile-request.ts";
import { atom, binary, CharList, type Term, Text, Tuple } from "../../../src/etf/term.ts";
import { arbitraryTerm } from "../../etf/arbitrary-terms.ts";

test("any fields are read or refused", () => {
  const field = fc.oneof(
    arbitraryTerm,
    fc
      .tuple(fc.constantFrom("Service", "Feature", "Roster"), fc.array(arbitraryTerm, { maxLength: 14 }))
      .map(([name, items]): Term => new Tuple([atom(name), ...items])),
  );
  fc.assert(
    fc.property(fc.array(field, { maxLength: 8 }), fc.constantFrom(...profileRequests), (fields, request) => {
      const record = readProfile([...fields, atom(request)]);
      expect(record === undefined).toBe(fields.length !== 6 && fields.length !== 7);
      if (record === undefined) return;
      expect(record.request).toBe(request);
      expect(record.phone ?? "00000").toMatch(/^\d{5,15}$/);
      for (const term of fields) {
        const services = readServices(term);
        expect(codeIn(services ?? [])?.includes("@") ?? false).toBe(false);
        readSettings(term);
        for (const roster of readRosters(term) ?? []) expect(Number.isSafeInteger(roster.userId ?? 0)).toBe(true);
      }
      expect(readCode(record) ?? "0").toMatch(/^[\d\s]+$/);
    }),
  );
});

test("ids of users, however they are encoded", () => {
  const table: [term: Term, ids: (number | undefined)[] | null | undefined][] = [
    [[], undefined],
    [atom("undefined"), undefined],
    [
      [1, 2],
      [1, 2],
    ],
    [new CharList(new Uint8Array([1, 2])), [1, 2]],
    [10_001, [10_001]],
    [[binary("10001")], [10_001]],
    [[binary("15550001001_10001")], [10_001]],
    [new Text("15550001001_10001"), [10_001]],
    [[atom("x")], null],
    [[binary("_")], null],
    [[[1]], null],
    [atom("x"), null],
    [Array.from({ length: 101 }, () => 1), null],
  ];
  for (const [term, ids] of table) {
    const rosters = readRosters(term);
    expect(rosters?.map((roster) => roster.userId) ?? rosters).toEqual(ids as never);
  }
});
