/** The fields of a decoded frame: each is checked here before anything is done with it. */
import { safeInteger } from "../../domain/keys.ts";
import type { MiniOicqLimits } from "../limits.ts";

/** An id from the wire; undefined where the text is no number, and so names no user and no chat. */
export type WireId = number | undefined;

export type Fields = Readonly<Record<string, unknown>>;

export type FieldLimits = Pick<
  MiniOicqLimits,
  "membersMax" | "deviceNameCharactersMax" | "messagesPerRequestMax" | "acknowledgedIdsMax"
>;

export interface Reader {
  readonly limits: FieldLimits;
  /** Throws `Refused` when `value` is no id at all. */
  id(value: unknown, otherwise: string): WireId;
}

/** A field is not what it must be. */
export class Refused extends Error {
  readonly reason: string;
  readonly clientId: string | undefined;

  constructor(reason: string, clientId?: string) {
    super(reason);
    this.reason = reason;
    this.clientId = clientId;
  }
}

/** `sawNumber` is called where the client wrote an id as a number (O2). */
export function createReader(limits: FieldLimits, sawNumber: () => void): Reader {
  return {
    limits,
    id(given, otherwise) {
      if (typeof given === "string") return safeInteger(given);
      if (typeof given !== "number") throw new Refused(otherwise);
      sawNumber();
      return Number.isSafeInteger(given) && given >= 0 ? given : undefined;
    },
  };
}

/** Left out, null or "": the field says nothing. */
export const isAbsent = (value: unknown): value is undefined | null | "" =>
  value === undefined || value === null || value === "";

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}

/** A string of whole characters: a lone surrogate could not be stored and given back unchanged. */
export function text(value: unknown, reasons: { readonly empty: string; readonly wrong: string }): string {
  if (isAbsent(value)) throw new Refused(reasons.empty);
  if (typeof value !== "string" || !value.isWellFormed()) throw new Refused(reasons.wrong);
  return value;
}

export function optionalText(value: unknown, rule: { readonly wrong: string; readonly charactersMax: number }) {
  if (isAbsent(value)) return undefined;
  if (typeof value !== "string" || !value.isWellFormed() || value.length > rule.charactersMax) {
    throw new Refused(rule.wrong);
  }
  return value;
}

/** False where it is left out. */
export function flag(value: unknown, wrong: string): boolean {
  if (isAbsent(value)) return false;
  if (typeof value !== "boolean") throw new Refused(wrong);
  return value;
}

/** Ids of users, as `chat.create` takes them. */
export function idList(list: unknown, reader: Reader): readonly WireId[] {
  if (!Array.isArray(list)) throw new Refused("Invalid members");
  if (list.length > reader.limits.membersMax) throw new Refused("Too many members");
  return list.map((member: unknown) => reader.id(member, "Invalid members"));
}

const base64 = /^[A-Za-z0-9+/]*={0,2}$/;
const dataUri = /^data:[a-z0-9.+/-]{0,64};base64,/i;

/** MessagePack's binary, base64, or a data: URI (O5). */
export function optionalBytes(value: unknown, wrong: string): Uint8Array | undefined {
  if (isAbsent(value)) return undefined;
  if (value instanceof Uint8Array) return value.byteLength === 0 ? undefined : value;
  if (typeof value !== "string") throw new Refused(wrong);
  const digits = value.slice(dataUri.exec(value)?.[0].length ?? 0);
  if (!base64.test(digits) || digits.replace(/=+$/, "").length % 4 === 1) throw new Refused(wrong);
  return Buffer.from(digits, "base64");
}
