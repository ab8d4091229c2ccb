/** `{io,{ok|error,…},<<>>}`: the answers of the services, in the notation of the documents. */
import type { WireTerm } from "../../etf/encode.ts";
import { atom, binary, Tuple } from "../../etf/term.ts";

/** `<<>>`, which is also a message by itself. */
export const nothing = new Uint8Array(0);

const tuple = (...items: readonly WireTerm[]): WireTerm => new Tuple(items);

const io = (code: WireTerm, data: WireTerm = nothing): WireTerm => tuple(atom("io"), code, data);

/** AUTH's own form: three elements, with the token or `[]` after the result. */
export const authAnswer = (kind: "ok" | "error", what: string, token: string | undefined): WireTerm =>
  io(tuple(atom(kind), atom(what), token === undefined ? [] : binary(token)));

/** The answer where the requested user is a friend already. */
export const alreadyPresent = (phoneId: WireTerm): WireTerm =>
  io(tuple(atom("ok"), tuple(atom("already_present"), phoneId)));

export const error = (what: string): WireTerm => io(tuple(atom("error"), atom(what)));

export const ok = (what: string): WireTerm => io(tuple(atom("ok"), atom(what)));
export const okWith = (what: string, data: WireTerm): WireTerm => io(tuple(atom("ok"), atom(what)), data);

/** `{io,{ok,Ref},Data}`: the client says which of its requests it was. */
export const okRef = (ref: WireTerm, data: WireTerm): WireTerm => io(tuple(atom("ok"), ref), data);

/** The answer to the first message of the family's browser clients. */
export const initAnswer = (token: WireTerm): WireTerm => io(nothing, tuple(atom("Token"), token));
