/**
 * PROFILE by the book, a row for each request, state and result: what is got, updated, set and removed
 * (docs/protocols/erlang-terms.md § PROFILE).
 */
import { expect } from "bun:test";
import type { WireTerm } from "../../src/etf/encode.ts";
import { atom, binary } from "../../src/etf/term.ts";
import { type Cast, gone, got, type Heard, later, nickOf, type Row, testRows, wasRemoved } from "./profile-cast.ts";
import { anna, bob, carl, contact, type Fields, feature, free, no, profile, roster, service } from "./profiles.ts";

const vox = service(binary("v1"), atom("vox"), binary("data"), binary("login"), binary("s3cret"), 7, atom("added"));
const shownVox = [":Service", "v1", ":vox", "data", "login", [], 7, ":added"];
const lang = feature("1", "lang", binary("uk"), "LANGUAGE_SETTINGS");
const shownLang = [":Feature", "1", "lang", "uk", "LANGUAGE_SETTINGS"];
const named = { names: "Anna", surnames: "K", nick: "ann" };
const avatar = "https://pictures.example.org/anna.png";
const pictured = (cast: Cast): WireTerm => [roster(cast.one.userId, [], [], [], binary(avatar))];
const rosters = (cast: Cast): WireTerm => [roster(cast.one.userId, binary("Anna"), binary("K"), binary("ann"))];
const removed = [":Profile", anna, [], [], [], 0, 0, [], ":remove"];
/** Both devices hear it on the phone's topic. */
const onSes = (term: unknown): Heard => ({ one: [[`ses/${anna}`, term]], tablet: [[`ses/${anna}`, term]] });
const setUp = (fields: Fields) => async (cast: Cast) => {
  await cast.ask(profile("set", fields));
  cast.clock.advance(1000);
};

const rows: Record<string, Row> = {
  "get, of one's own": { asks: profile("get", { phone: binary(anna) }), answer: (cast) => cast.view("get") },
  "get, without a phone": { asks: profile("get"), answer: (cast) => cast.view("get") },
  "get, after something was set": {
    before: setUp({ services: [vox], settings: [lang] }),
    asks: profile("get"),
    answer: (cast) => cast.view("get", { services: [shownVox], settings: [shownLang], updateMs: later(cast) - 1000 }),
    leaves: (cast) => cast.view("get", { services: [shownVox], settings: [shownLang], updateMs: later(cast) - 1000 }),
  },
  "get, of another's": { asks: profile("get", { phone: binary(bob) }), answer: no("not_authorized") },
  "get, of an unknown phone": { asks: profile("get", { phone: binary(free) }), answer: no("not_authorized") },
  "get, by a client without a log-in": {
    by: "nobody",
    asks: profile("get", { phone: binary(anna) }),
    answer: no("not_authorized"),
  },
  "get, after the removal": { before: wasRemoved, asks: profile("get"), answer: no("not_authorized"), ...gone },

  "update, of nothing": {
    asks: profile("update"),
    answer: (cast) => cast.view("update", { updateMs: later(cast) }),
  },
  "update, of nothing, since a time": {
    asks: (cast) => profile("update", { update: cast.metAtMs }),
    answer: (cast) => cast.view("update", { rosters: [], updateMs: later(cast) }),
  },
  "update, of nothing, since the day before": {
    asks: (cast) => profile("update", { update: cast.metAtMs - 86_400_000 }),
    answer: (cast) => cast.view("update", { updateMs: later(cast) }),
  },
  "update, of nothing, since tomorrow": {
    asks: (cast) => profile("update", { update: cast.metAtMs + 86_400_000 }),
    answer: (cast) => cast.view("update", { rosters: [], updateMs: later(cast) }),
  },
  "update, of a user's names": {
    asks: (cast) => profile("update", { phone: binary(anna), rosters: rosters(cast) }),
    answer: (cast) => cast.view("update", { ...named, changedAtMs: later(cast) }),
    told: (cast) => ({
      ...onSes(cast.view("update", { ...named, changedAtMs: later(cast) })),
      friend: [[`ses/${bob}`, contact(cast.one, { ...named, presence: "online", status: "friend" }, later(cast))]],
    }),
    leaves: (cast) => cast.view("get", { ...named, changedAtMs: later(cast) }),
  },
  "update, of names that are those": {
    before: async (cast) => setUp({ rosters: rosters(cast) })(cast),
    asks: (cast) => profile("update", { rosters: rosters(cast) }),
    answer: (cast) => cast.view("update", { ...named, changedAtMs: later(cast) - 1000, updateMs: later(cast) }),
    told: (cast) => onSes(cast.view("update", { ...named, changedAtMs: later(cast) - 1000 })),
    leaves: (cast) => cast.view("get", { ...named, changedAtMs: later(cast) - 1000 }),
  },
  "update, of the link to a picture": {
    asks: (cast) => profile("update", { rosters: pictured(cast) }),
    answer: (cast) => cast.view("update", { avatar, changedAtMs: later(cast) }),
    told: (cast) => {
      const shown = { avatar, nick: nickOf(cast.one), presence: "online", status: "friend" };
      return {
        ...onSes(cast.view("update", { avatar, changedAtMs: later(cast) })),
        friend: [[`ses/${bob}`, contact(cast.one, shown, later(cast))]],
      };
    },
    leaves: (cast) => cast.view("get", { avatar, changedAtMs: later(cast) }),
  },
  "update, of services and settings": {
    asks: profile("update", { services: [vox], settings: [lang] }),
    answer: (cast) => cast.view("update", { services: [shownVox], settings: [shownLang], updateMs: later(cast) }),
    told: (cast) => onSes(cast.view("update", { services: [shownVox], settings: [shownLang], updateMs: later(cast) })),
    leaves: (cast) => cast.view("get", { services: [shownVox], settings: [shownLang], updateMs: later(cast) }),
  },
  "update, of another's user": {
    asks: (cast) => profile("update", { rosters: [roster(cast.friend.userId, binary("Mallory"))] }),
    answer: no("not_authorized"),
  },
  "update, of what cannot be read": {
    asks: profile("update", { settings: [atom("x")] }),
    answer: no("invalid_data"),
  },
  "update, of another's": { asks: profile("update", { phone: binary(bob) }), answer: no("not_authorized") },
  "update, by a client without a log-in": { by: "nobody", asks: profile("update"), answer: no("not_authorized") },
  "update, after the removal": { before: wasRemoved, asks: profile("update"), answer: no("not_authorized"), ...gone },

  "set, of nothing": {
    asks: profile("set"),
    answer: (cast) => cast.view("set", { updateMs: later(cast) }),
    told: (cast) => onSes(cast.view("set", { updateMs: later(cast) })),
    leaves: (cast) => cast.view("get", { updateMs: later(cast) }),
  },
  "set, of everything": {
    asks: (cast) =>
      profile("set", { services: [vox], rosters: rosters(cast), settings: [lang], balance: 7, update: 1 }),
    answer: (cast) =>
      cast.view("set", { services: [shownVox], settings: [shownLang], ...named, changedAtMs: later(cast) }),
    told: (cast) =>
      onSes(cast.view("set", { services: [shownVox], settings: [shownLang], ...named, changedAtMs: later(cast) })),
    leaves: (cast) =>
      cast.view("get", { services: [shownVox], settings: [shownLang], ...named, changedAtMs: later(cast) }),
  },
  "set, of the link to a picture": {
    asks: (cast) => profile("set", { rosters: pictured(cast) }),
    answer: (cast) => cast.view("set", { avatar, changedAtMs: later(cast) }),
    told: (cast) => onSes(cast.view("set", { avatar, changedAtMs: later(cast) })),
    leaves: (cast) => cast.view("get", { avatar, changedAtMs: later(cast) }),
  },
  "set, of what was set before": {
    before: setUp({ services: [vox], settings: [lang] }),
    asks: profile("set", { services: [service(binary("v2"), atom("vox"))] }),
    answer: (cast) =>
      cast.view("set", {
        services: [[":Service", "v2", ":vox", [], [], [], [], ":added"]],
        settings: [shownLang],
        updateMs: later(cast),
      }),
    told: (cast) =>
      onSes(
        cast.view("set", {
          services: [[":Service", "v2", ":vox", [], [], [], [], ":added"]],
          settings: [shownLang],
          updateMs: later(cast),
        }),
      ),
    leaves: (cast) =>
      cast.view("get", {
        services: [[":Service", "v2", ":vox", [], [], [], [], ":added"]],
        settings: [shownLang],
        updateMs: later(cast),
      }),
  },
  "set, of another's user": {
    asks: (cast) => profile("set", { rosters: [roster(cast.friend.userId, binary("Mallory"))] }),
    answer: no("not_authorized"),
  },
  "set, of what cannot be read": { asks: profile("set", { services: [atom("x")] }), answer: no("invalid_data") },
  "set, of another's": { asks: profile("set", { phone: binary(bob) }), answer: no("not_authorized") },
  "set, by a client without a log-in": { by: "nobody", asks: profile("set"), answer: no("not_authorized") },
  "set, after the removal": { before: wasRemoved, asks: profile("set"), answer: no("not_authorized"), ...gone },

  "remove, of one's own": {
    asks: profile("remove", { phone: binary(anna) }),
    answer: removed,
    told: (cast) => ({
      tablet: [["actions/1/api/tablet", removed]],
      friend: [[`ses/${bob}`, contact(cast.one, { nick: nickOf(cast.one), status: "deleted" }, later(cast))]],
      asked: [[`ses/${carl}`, contact(cast.one, { nick: nickOf(cast.one), status: "deleted" }, later(cast))]],
    }),
    ...gone,
    async after(cast) {
      for (const role of ["friend", "asked"] as const) {
        const [, , , [own]] = (await got(cast, role)) as [unknown, unknown, unknown, [unknown[]]];
        expect(own[6]).toHaveLength(1); // the user's own
      }
    },
  },
  "remove, a second time": {
    before: wasRemoved,
    asks: profile("remove", { phone: binary(anna) }),
    answer: no("not_authorized"),
    ...gone,
  },
  "remove, by another device after it": {
    before: wasRemoved,
    by: "tablet",
    asks: profile("remove", { phone: binary(anna) }),
    answer: no("not_authorized"),
    ...gone,
  },
  "remove, without a phone": { asks: profile("remove"), answer: no("not_found") },
  "remove, of another's": { asks: profile("remove", { phone: binary(bob) }), answer: no("not_found") },
  "remove, of an unknown phone": { asks: profile("remove", { phone: binary(free) }), answer: no("not_found") },
  "remove, of what is no number": { asks: profile("remove", { phone: atom("x") }), answer: no("not_found") },
  "remove, by a client without a log-in": {
    by: "nobody",
    asks: profile("remove", { phone: binary(anna) }),
    answer: no("not_authorized"),
  },
};

testRows(rows, ["get, of one's own", "update, of a user's names", "set, of everything", "remove, of one's own"]);
