/** `{io,{ok|error,…},<<>>}`: what the services answer with, written as the documents print it. */
import type { WireTerm } from "../../etf/encode.ts";
import { atom, binary, Tuple } from "../../etf/term.ts";

/** `<<>>`, which is said as a message of its own too. */
export const nothing = new Uint8Array(0);

const tuple = (...items: readonly WireTerm[]): WireTerm => new Tuple(items);

const io = (code: WireTerm, data: WireTerm = nothing): WireTerm => tuple(atom("io"), code, data);

/** AUTH's own form: three elements, the token or `[]` behind what happened. */
export const authAnswer = (kind: "ok" | "error", what: string, token: string | undefined): WireTerm =>
  io(tuple(atom(kind), atom(what), token === undefined ? [] : binary(token)));

/** The answer where the user to be asked is a friend already. */
export const alreadyPresent = (phoneId: WireTerm): WireTerm =>
  io(tuple(atom("ok"), tuple(atom("already_present"), phoneId)));

export const error = (what: string): WireTerm => io(tuple(atom("error"), atom(what)));

export const ok = (what: string): WireTerm => io(tuple(atom("ok"), atom(what)));
export const okWith = (what: string, data: WireTerm): WireTerm => io(tuple(atom("ok"), atom(what)), data);

/** What a browser client of the family asks first. */
export const initAnswer = (token: WireTerm): WireTerm => io(nothing, tuple(atom("Token"), token));
