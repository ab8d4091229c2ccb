/**
 * PROFILE by the book, a row for each request, state and result: the move to another phone
 * (docs/protocols/erlang-terms.md § PROFILE).
 */
import { expect } from "bun:test";
import type { WireTerm } from "../../src/etf/encode.ts";
import { binary } from "../../src/etf/term.ts";
import { type Cast, later, nickOf, type Row, testRows } from "./profile-cast.ts";
import { anna, bob, code, contact, type Fields, free, no, profile, spare, yes } from "./profiles.ts";

/** Codes have six digits. */
const wrong = "12345";
const migrate = (phone: WireTerm, fields: Fields = {}): WireTerm => profile("migrate", { phone, ...fields });
const arrive = (phone: WireTerm, fields: Fields = { services: [binary(code)] }): WireTerm =>
  profile("phone", { phone, ...fields });
const moved = (cast: Cast, status = "phone"): unknown => cast.view(status, { phone: free, changedAtMs: later(cast) });
const newcomer = { phone: free };

const rows: Record<string, Row> = {
  "migrate, to a free number": { asks: migrate(binary(free)), answer: yes("migration") },
  "migrate, to another one meanwhile": {
    before: (cast) => cast.ask(migrate(binary("15550001009"))),
    asks: migrate(binary(free)),
    answer: yes("migration"),
    async after(cast) {
      expect(await cast.answer(arrive(binary("15550001009")))).toEqual(no("not_authorized"));
      expect((await cast.ask(arrive(binary(free)))).one).toEqual([["actions/1/api/one", moved(cast)]]);
    },
  },
  "migrate, to one's own number": { asks: migrate(binary(anna)), answer: no("not_authorized") },
  "migrate, to another user's number": { asks: migrate(binary(spare)), answer: no("not_authorized") },
  "migrate, to none": { asks: migrate([]), answer: no("not_authorized") },
  "migrate, to what is no number": { asks: migrate(binary("nobody")), answer: no("not_authorized") },
  "migrate, by a client without a log-in": { by: "nobody", asks: migrate(binary(free)), answer: no("not_authorized") },

  "phone, where it was asked for, with the code that was sent": {
    before: (cast) => cast.ask(migrate(binary(free))),
    asks: arrive(binary(free)),
    answer: (cast) => moved(cast),
    told: (cast) => ({
      friend: [
        [
          `ses/${bob}`,
          contact(
            { ...newcomer, userId: cast.one.userId },
            { nick: nickOf(cast.one), presence: "online", status: "friend" },
            later(cast),
          ),
        ],
        [`ses/${bob}`, contact(cast.one, { nick: nickOf(cast.one), status: "deleted" }, later(cast))],
      ],
    }),
    leaves: (cast) => moved(cast, "get"),
  },
  "phone, a second time": {
    async before(cast) {
      await cast.ask(migrate(binary(free)));
      await cast.ask(arrive(binary(free)));
    },
    asks: arrive(binary(free)),
    answer: no("not_authorized"),
    leaves: (cast) => moved(cast, "get"),
  },
  "phone, without a code where none is needed": {
    env: () => ({ ROOST_MIGRATION_CODE: "optional" }),
    before: (cast) => cast.ask(migrate(binary(free))),
    asks: arrive(binary(free), {}),
    answer: (cast) => moved(cast),
    told: () => ({ friend: [expect.anything(), expect.anything()] as never }),
    leaves: (cast) => moved(cast, "get"),
  },
  "phone, with another code": {
    before: (cast) => cast.ask(migrate(binary(free))),
    asks: arrive(binary(free), { services: [binary(wrong)] }),
    answer: no("not_authorized"),
  },
  "phone, without the code": {
    before: (cast) => cast.ask(migrate(binary(free))),
    asks: arrive(binary(free), {}),
    answer: no("not_authorized"),
  },
  "phone, to another number than was asked for": {
    before: (cast) => cast.ask(migrate(binary(free))),
    asks: arrive(binary("15550001009")),
    answer: no("not_authorized"),
  },
  "phone, ten minutes late": {
    async before(cast) {
      await cast.ask(migrate(binary(free)));
      cast.clock.advance(600_000);
    },
    asks: arrive(binary(free)),
    answer: no("not_authorized"),
  },
  "phone, to a number that was taken meanwhile": {
    async before(cast) {
      await cast.ask(migrate(binary(free)));
      await using _newcomer = await cast.stage.logIn(free);
    },
    asks: arrive(binary(free)),
    answer: no("not_authorized"),
  },
  "phone, where no move was asked for": { asks: arrive(binary(free)), answer: no("not_authorized") },
  "phone, of another's move": {
    before: (cast) => cast.ask(migrate(binary(free))),
    by: "stranger",
    asks: arrive(binary(free)),
    answer: no("not_authorized"),
  },
  "phone, by a client without a log-in": { by: "nobody", asks: arrive(binary(free)), answer: no("not_authorized") },
};

testRows(rows, ["migrate, to a free number", "phone, where it was asked for, with the code that was sent"]);
