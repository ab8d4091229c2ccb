/**
 * PROFILE by the book, a row for each request, state and result: what is linked to a profile
 * (docs/protocols/erlang-terms.md § PROFILE).
 */
import { afterAll, beforeAll, expect } from "bun:test";
import type { WireTerm } from "../../src/etf/encode.ts";
import { atom, binary } from "../../src/etf/term.ts";
import { type Gateway, startGateway } from "../providers/gateway.ts";
import { type Cast, later, type Row, testRows } from "./profile-cast.ts";
import { anna, bob, email, no, profile, service, yes } from "./profiles.ts";

const address = "anna@example.org";
/** Codes have six digits. */
const wrong = "12345";
const mailed = (cast: Cast, to = address): string => cast.stage.mailed(to).at(-1) ?? "no mail";
const link = (services: WireTerm = [email(address)]): WireTerm => profile("link", { services });
const confirm = (given: string, to = address): WireTerm => profile("email", { services: [email(to, binary(given))] });
const added = [":Service", [], ":email", [], address, [], [], ":added"];
const verified = [":Service", [], ":email", [], address, [], [], ":verified"];
const aws = (): Record<string, string> => ({
  ROOST_AWS_ACCESS_KEY_ID: "AKIDOFROOST",
  ROOST_AWS_SECRET_ACCESS_KEY: "secret/of+roost",
  ROOST_AWS_REGION: "eu-central-1",
  ROOST_AWS_OPERATION: "AssumeRole",
  ROOST_AWS_ROLE: "arn:aws:iam::123456789012:role/roost-users",
  ROOST_AWS_ENDPOINT: `${gateway.url}/`,
});
const credentials = `<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId>
  <SecretAccessKey>wJalrXUtnFEMI/K7MDENG</SecretAccessKey><SessionToken>session</SessionToken>
  <Expiration>2026-07-15T23:28:33Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`;
const linked = (cast: Cast): Promise<unknown> => cast.ask(link());

let gateway: Gateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.stop());

const rows: Record<string, Row> = {
  "link, of an address": {
    asks: link(),
    answer: yes("email_sent"),
    leaves: (cast) => cast.view("get", { services: [added], updateMs: later(cast) }),
    after: async (cast) => expect(cast.stage.mailed(address)).toHaveLength(1),
  },
  "link, of two addresses and something else": {
    asks: link([email(address), service(binary("v"), atom("vox")), email("a@example.org")]),
    answer: yes("email_sent"),
    leaves: (cast) =>
      cast.view("get", {
        services: [
          added,
          [":Service", "v", ":vox", [], [], [], [], ":added"],
          [":Service", [], ":email", [], "a@example.org", [], [], ":added"],
        ],
        updateMs: later(cast),
      }),
    after: async (cast) => expect([mailed(cast), mailed(cast, "a@example.org")]).not.toContain("no mail"),
  },
  "link, of an address that waits for its code": {
    before: linked,
    asks: link(),
    answer: yes("email_sent"),
    leaves: (cast) => cast.view("get", { services: [added], updateMs: later(cast) }),
    async after(cast) {
      const [first = "", second = ""] = cast.stage.mailed(address);
      if (first !== second) expect(await cast.answer(confirm(first))).toEqual(no("wrong_code"));
      expect(await cast.answer(confirm(second))).toEqual(yes("verified"));
    },
  },
  "link, of an address that is verified": {
    async before(cast) {
      await linked(cast);
      await cast.ask(confirm(mailed(cast)));
    },
    asks: link(),
    answer: yes("email_sent"),
    leaves: (cast) => cast.view("get", { services: [verified], email: address, updateMs: later(cast) }),
    after: async (cast) => expect(cast.stage.mailed(address)).toHaveLength(2),
  },
  "link, where the mail fails": {
    env: () => ({
      ROOST_MAIL_ADAPTER: "smtp",
      ROOST_MAIL_HOST: "127.0.0.1",
      ROOST_MAIL_PORT: "1",
      ROOST_MAIL_FROM: "chat@example.org",
    }),
    asks: link(),
    answer: yes("email_sent"),
    leaves: (cast) => cast.view("get", { services: [added], updateMs: later(cast) }),
    after: async (cast) => expect(cast.stage.logged()).toContain("a mail could not be sent"),
  },
  "link, after ten mails within the hour": {
    async before(cast) {
      for (let sent = 0; sent < 10; sent++) await linked(cast);
    },
    asks: link(),
    answer: yes("email_sent"),
    leaves: (cast) => cast.view("get", { services: [added], updateMs: later(cast) }),
    after: async (cast) => expect(cast.stage.mailed(address)).toHaveLength(10),
  },
  "link, without an address": { asks: link([service(binary("v"), atom("vox"))]), answer: no("invalid_data") },
  "link, of nothing": { asks: link([]), answer: no("invalid_data") },
  "link, of another's": {
    asks: profile("link", { phone: binary(bob), services: [email(address)] }),
    answer: no("not_authorized"),
    after: async (cast) => expect(cast.stage.mailed(address)).toEqual([]),
  },
  "link, by a client without a log-in": {
    by: "nobody",
    asks: link(),
    answer: no("not_authorized"),
    after: async (cast) => expect(cast.stage.mailed(address)).toEqual([]),
  },

  "email, with the code": {
    async before(cast) {
      await linked(cast);
      cast.clock.advance(1000);
    },
    asks: (cast) => confirm(mailed(cast)),
    answer: yes("verified"),
    leaves: (cast) => cast.view("get", { services: [verified], email: address, updateMs: later(cast) }),
  },
  "email, with another code": {
    before: linked,
    asks: confirm(wrong),
    answer: no("wrong_code"),
    leaves: (cast) => cast.view("get", { services: [added], updateMs: later(cast) }),
  },
  "email, with a code that was used": {
    async before(cast) {
      await linked(cast);
      await cast.ask(confirm(mailed(cast)));
    },
    asks: (cast) => confirm(mailed(cast)),
    answer: no("wrong_code"),
    leaves: (cast) => cast.view("get", { services: [verified], email: address, updateMs: later(cast) }),
  },
  "email, with a code that is ten minutes old": {
    async before(cast) {
      await linked(cast);
      cast.clock.advance(600_000);
    },
    asks: (cast) => confirm(mailed(cast)),
    answer: no("wrong_code"),
    leaves: (cast) => cast.view("get", { services: [added], updateMs: later(cast) - 600_000 }),
  },
  "email, with the code after five others": {
    async before(cast) {
      await linked(cast);
      for (let tries = 0; tries < 5; tries++) await cast.ask(confirm(wrong));
    },
    asks: (cast) => confirm(mailed(cast)),
    answer: no("wrong_code"),
    leaves: (cast) => cast.view("get", { services: [added], updateMs: later(cast) }),
  },
  "email, with another's code": {
    before: linked,
    by: "stranger",
    asks: (cast) => confirm(mailed(cast)),
    answer: no("wrong_code"),
    leaves: (cast) => cast.view("get", { services: [added], updateMs: later(cast) }),
  },
  "email, where none was sent": { asks: confirm(wrong), answer: no("wrong_code") },
  "email, of another's": { asks: profile("email", { phone: binary(bob) }), answer: no("not_authorized") },
  "email, by a client without a log-in": { by: "nobody", asks: confirm(wrong), answer: no("not_authorized") },

  "aws, where it is configured": {
    env: aws,
    before: async () => gateway.answer(() => new Response(credentials, { headers: { "Content-Type": "text/xml" } })),
    asks: profile("aws"),
    answer: [
      ":io",
      [":ok", ":aws"],
      [
        ":Service",
        "ASIAIOSFODNN7EXAMPLE",
        ":aws",
        [],
        "wJalrXUtnFEMI/K7MDENG",
        "session",
        Date.UTC(2026, 6, 15, 23, 28, 33) / 1000,
        ":verified",
      ],
    ],
  },
  "aws, where it fails": {
    env: aws,
    before: async () => gateway.answer(() => new Response("<ErrorResponse/>", { status: 403 })),
    asks: profile("aws", { phone: binary(anna) }),
    answer: no("aws"),
  },
  "aws, where there is none": { asks: profile("aws"), answer: no("aws") },
  "aws, of another's": { env: aws, asks: profile("aws", { phone: binary(bob) }), answer: no("not_authorized") },
  "aws, by a client without a log-in": { env: aws, by: "nobody", asks: profile("aws"), answer: no("not_authorized") },
};

testRows(rows, ["link, of an address", "email, with the code"]);
