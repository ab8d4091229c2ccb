/**
 * Reads the `Auth` tuple of all generations of clients. The first two put token, device key and phone in different
 * places with the same number of fields; which is which is decided by the fields that are set and by what looks like a
 * phone.
 */

import { languageOf } from "../../domain/phones/languages.ts";
import { atomOf, integerOf, isUnset, listOf, textOf } from "../../etf/read.ts";
import type { Term } from "../../etf/term.ts";

export type AuthRequest = "issue" | "verify" | "resend";

export interface AuthRecord {
  readonly request: AuthRequest;
  /** From the tuple, else from the topic, else from the connection: its log-in's, or the one that was issued on it. */
  readonly token: string | undefined;
  readonly devKey: string | undefined;
  /** As written; the domain takes the digits. */
  readonly phone: string | undefined;
  readonly code: string | undefined;
  /** The first language among the services in which the server writes. */
  readonly language: string | undefined;
}

/** Fields after the tag, in either order. */
const first = { record: { token: 0, devKey: 1, phone: 3 }, example: { token: 3, devKey: 0, phone: 2 } } as const;
/** The layouts of 2017-11 and later begin with the client id. */
const clientIdFirst = { token: 4, devKey: 1, phone: 3 } as const;
const type = 5;
const smsCode = 6;
const services = 8;
const arities = new Set([9, 11, 13, 14]);

const looksLikePhone = /^\+?\d{5,15}$/;
const textBytesMax = 1024;

const requests: Readonly<Record<string, AuthRequest>> = {
  verify: "verify",
  resend_sms: "resend",
  resend: "resend",
  reg: "issue",
  login: "issue",
  sms_send: "issue",
};

/** Asks whether a session has this token. */
export type KnowsToken = (token: string) => Promise<boolean>;

export interface AuthContext {
  readonly clientId: string;
  /** The token in the topic. */
  readonly topicToken: string | undefined;
  /** The token of the connection's log-in or password. */
  readonly boundToken: string | undefined;
  /** The token that the last `issue` on this connection answered. A code that comes without a token confirms that one. */
  readonly issuedToken: string | undefined;
  readonly knows: KnowsToken;
}

/** Undefined where the fields are no `Auth`. */
export async function readAuth(fields: readonly Term[], context: AuthContext): Promise<AuthRecord | undefined> {
  if (!arities.has(fields.length)) return undefined;
  const text = (at: number): string | undefined => textAt(fields, at);
  const code = codeOf(fields[smsCode]);
  const language = firstLanguage(fields[services]);
  if ([0, 1, 2, 3].some((at) => text(at) === tooLong)) return undefined;
  const requested = requestOf(fields[type]);
  if (requested === undefined) return undefined;
  const places = await placesOf(fields, {
    ...context,
    about: requested === "issue" && code === undefined ? "new" : "known",
  });
  const shown = text(places.token) ?? context.topicToken ?? context.boundToken;
  const token = requested === "issue" && code === undefined ? shown : (shown ?? context.issuedToken);
  // A code with a token and without a type can only be a confirmation.
  const request =
    requested === "issue" && isUnset(fields[type] as Term) && code !== undefined && token !== undefined
      ? "verify"
      : requested;
  return { request, token, devKey: text(places.devKey), phone: text(places.phone), code, language };
}

const extras = ["list", "logout", "clear"] as const;

/**
 * What no document has: a list of log-ins, the end of one (named by what the list calls it, or by the own token; unset: this one),
 * or of all others. Undefined where it is none of these.
 */
export function readAuthExtra(
  fields: readonly Term[],
): { readonly request: (typeof extras)[number]; readonly token: string | undefined } | undefined {
  const typed = fields[type];
  const name = typed === undefined || isUnset(typed) ? undefined : atomOf(typed);
  const request = extras.find((one) => one === name);
  if (request === undefined || !arities.has(fields.length)) return undefined;
  const texts = [0, 3, 4].flatMap((at) => textAt(fields, at) ?? []);
  const named = texts.find((text) => /^p\d+$/.test(text)) ?? texts.find((text) => !looksLikePhone.test(text));
  return { request, token: named };
}

interface Places {
  readonly token: number;
  readonly devKey: number;
  readonly phone: number;
}

async function placesOf(
  fields: readonly Term[],
  { clientId, topicToken, knows, about }: AuthContext & { readonly about: "new" | "known" },
): Promise<Places> {
  const [p1, p2, p3, p4] = [0, 1, 2, 3].map((at) => textAt(fields, at));
  if (fields.length === 11) return first.record;
  const startsWithClientId = p1 !== undefined && (/^(?:emqttd_|reg_)/.test(p1) || p1 === clientId);
  if (fields.length > 11 && startsWithClientId) return clientIdFirst;
  const isKnown = async (text: string | undefined): Promise<boolean> => text !== undefined && (await knows(text));
  if (about === "known") {
    if (await isKnown(p1)) return first.record;
    if (await isKnown(p4)) return first.example;
    // No token looks like a phone: the shortest has 16 bytes.
    if (p4 === undefined) {
      const isExample = p1 === undefined || (p2 === undefined && p3 !== undefined && looksLikePhone.test(p3));
      return isExample ? first.example : first.record;
    }
    return looksLikePhone.test(p4) ? first.record : first.example;
  }
  if (p2 !== undefined && p3 === undefined) return first.record;
  if (p2 === undefined && p3 !== undefined) return first.example;
  if ((p1 !== undefined && p1 === topicToken) || (await isKnown(p1))) return first.record;
  if ((p4 !== undefined && p4 === topicToken) || (await isKnown(p4))) return first.example;
  return p4 !== undefined && looksLikePhone.test(p4) ? first.record : first.example;
}

function requestOf(term: Term | undefined): AuthRequest | undefined {
  if (term === undefined || isUnset(term)) return "issue";
  const name = atomOf(term);
  return name !== undefined && Object.hasOwn(requests, name) ? requests[name] : undefined;
}

/** Stands for a text that is longer than any of ours. */
const tooLong = "\0";

function textAt(fields: readonly Term[], at: number): string | undefined {
  const term = fields[at];
  if (term === undefined || isUnset(term)) return undefined;
  const text = textOf(term, { integers: true });
  if (text === undefined || text === "") return undefined;
  return Buffer.byteLength(text) > textBytesMax ? tooLong : text;
}

/** Reads a binary, a list of characters or a number. */
function codeOf(term: Term | undefined): string | undefined {
  if (term === undefined || isUnset(term)) return undefined;
  const number = integerOf(term);
  return textOf(term) ?? (number === undefined ? undefined : String(number));
}

function firstLanguage(term: Term | undefined): string | undefined {
  const names = (term === undefined ? undefined : listOf(term))?.map(atomOf) ?? [];
  return names.find((name) => name !== undefined && languageOf(name) !== undefined);
}
