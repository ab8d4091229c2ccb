/** One request in every tuple that means it: the orders of the document's examples and record, and those of later years. */
import type { WireTerm } from "../../../src/etf/encode.ts";
import { atom, binary, Tuple } from "../../../src/etf/term.ts";

/** What a request says. What is left out is unset. */
export interface Said {
  readonly devKey?: string | undefined;
  readonly phone?: string | undefined;
  readonly token?: string | undefined;
  readonly request: "issue" | "verify" | "resend";
  readonly code?: string | undefined;
}

export interface Layout {
  readonly name: string;
  readonly term: WireTerm;
  /** The last level of the topic. */
  readonly topicToken: string;
  /** Tuples of later years come on topics with a version. */
  readonly version: string | undefined;
}

export const authTuple = (...fields: readonly WireTerm[]): WireTerm => new Tuple([atom("Auth"), ...fields]);

/** Each says "nothing" in the words of some client. */
const unset = {
  list: [],
  undefined: atom("undefined"),
  empty: atom(""),
  nil: atom("nil"),
  binary: binary(""),
  /** As the documents print it. */
  filler: atom("_"),
} as const;

const types = {
  issue: [undefined, "reg", "login", "sms_send"],
  verify: ["verify"],
  resend: ["resend_sms", "resend"],
} as const;

/** The code as a binary, and as what a client writes who thinks of it as a string. */
const codes = [binary, (code: string): WireTerm => [...Buffer.from(code)]] as const;

/** Every layout of a request; those that cannot say it, or would mean another, are left out. */
export function layoutsOf(said: Said, clientId: string): Layout[] {
  const { devKey, phone, token, request } = said;
  let at = 0;
  function layout(
    name: string,
    nothing: WireTerm,
    build: (fields: { D: WireTerm; P: WireTerm; T: WireTerm; type: WireTerm; sms: WireTerm }) => readonly WireTerm[],
    { topicToken = "", version }: { topicToken?: string | undefined; version?: string | undefined } = {},
  ): Layout {
    const field = (value: string | undefined): WireTerm => (value === undefined ? nothing : binary(value));
    const type = types[request][at % types[request].length];
    const code = codes[at % codes.length] ?? binary;
    at++;
    const fields = {
      D: field(devKey),
      P: field(phone),
      T: field(token),
      type: type === undefined ? nothing : atom(type),
      sms: said.code === undefined ? nothing : code(said.code),
    };
    return { name, term: authTuple(...build(fields)), topicToken, version };
  }

  const all: Layout[] = [
    layout("the example", unset.list, ({ D, P, T, type, sms }) => [D, [], P, T, [], type, sms, [], []]),
    layout("the example with its fillers", unset.filler, ({ D, P, T, type, sms }) => {
      const _ = unset.filler;
      return [D, _, P, T, _, type, sms, _, _];
    }),
    // The token of the topic says which place of the tuple holds it where nothing else does.
    layout("the record", unset.undefined, ({ D, P, T, type, sms }) => [T, D, [], P, [], type, sms, [], []], {
      topicToken: token,
    }),
    layout("twelve", unset.empty, ({ D, P, T, type, sms }) => [T, D, unset.empty, P, [], type, sms, 0, [], 1, 2], {
      version: "1",
    }),
    layout(
      "fourteen of September",
      unset.nil,
      ({ D, P, T, type, sms }) => [T, D, unset.nil, P, [], type, sms, [], [], 1, 2, [], []],
      { topicToken: token, version: "1" },
    ),
    layout(
      "fourteen that begin with a client id",
      unset.binary,
      ({ D, P, T, type, sms }) => [binary("emqttd_7"), D, [], P, T, type, sms, [], [], [], [], 1, 2],
      { version: "1" },
    ),
    layout(
      "fifteen of September",
      unset.list,
      ({ D, P, T, type, sms }) => [T, D, [], P, [], type, sms, [], [], 1, 2, [], [], binary("a comment")],
      { topicToken: token, version: "1" },
    ),
    layout(
      "fifteen of 2018",
      unset.list,
      ({ D, P, T, type, sms }) => [binary(clientId), D, [], P, T, type, sms, 0, [atom("ua")], [], [], [], 1, 2],
      { version: "1" },
    ),
  ];
  // To confirm, whatever stands alone in one of the two places of a token is one.
  if (token !== undefined && (request === "issue" || devKey === undefined)) {
    all.push(
      layout(
        "the example, its token in the topic alone",
        unset.list,
        ({ D, P, type, sms }) => [D, [], P, [], [], type, sms, [], []],
        { topicToken: token },
      ),
    );
  }
  if (request === "issue" && devKey !== undefined && phone !== undefined) {
    const user = binary("somebody");
    all.push(
      layout("the example with a user", unset.list, ({ D, P, T, type, sms }) => [D, user, P, T, [], type, sms, [], []]),
    );
    // Without a token, what looks like a phone says which place is the phone's.
    if (token === undefined && !/^\+?\d{5,15}$/.test(phone)) return all;
    all.push(
      layout("the record with a user", unset.list, ({ D, P, T, type, sms }) => [T, D, user, P, [], type, sms, [], []], {
        topicToken: token,
      }),
    );
  }
  return all;
}
