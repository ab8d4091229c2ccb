/**
 * Services and settings of a profile as clients give them: bounded, without secrets, and never verified on a client's
 * word.
 */
import type { Feature, Service } from "./profile-store.ts";

export const servicesMax = 100;
export const settingsMax = 1000;
const shortBytesMax = 512;
const longBytesMax = 16 * 1024;
const settingsBytesMax = 256 * 1024;
const addressBytesMax = 254;
/** `uk`, `en-US`, `pt_BR`. */
const languageForm = /^[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,2}$/;

/** A service as a client gives it; a field that was not given is undefined. */
export interface ServiceInput {
  readonly id?: string | undefined;
  readonly type?: string | undefined;
  readonly data?: string | undefined;
  readonly login?: string | undefined;
  /** Where a client puts a code; never stored. */
  readonly password?: string | undefined;
  readonly expiration?: number | undefined;
  readonly status?: string | undefined;
}

/** An address as RFC 5321 allows it in practice: one `@`, no spaces or control characters, a domain with a dot. */
const address = /^[^\s@<>()[\],;:\\"\p{Cc}]{1,64}@[^\s@<>()[\],;:\\"\p{Cc}.]+(?:\.[^\s@<>()[\],;:\\"\p{Cc}.]+)+$/u;

export const isAddress = (text: string): boolean =>
  text.isWellFormed() && Buffer.byteLength(text) <= addressBytesMax && address.test(text);

/**
 * Gives the address of an e-mail service: the first of login, data and id that is an address. In lower case, for
 * comparison.
 */
export function addressOf(service: ServiceInput): string | undefined {
  return [service.login, service.data, service.id]
    .map((text) => text?.trim().toLowerCase())
    .find((text) => text !== undefined && isAddress(text));
}

/** Gives the code in a service that confirms an address: the first of password, data and id that is no address. */
export const codeOf = (service: ServiceInput): string | undefined =>
  [service.password, service.data, service.id].find((text) => text !== undefined && text !== "" && !text.includes("@"));

/** Gives what is stored of the given services; undefined where one is too large or there are too many. */
export function checkServices(given: readonly ServiceInput[]): Service[] | undefined {
  if (given.length > servicesMax) return undefined;
  const services = given.map(checkService);
  return services.every((service) => service !== undefined) ? services : undefined;
}

function checkService(given: ServiceInput): Service | undefined {
  const { id = "", data, expiration, status = "added" } = given;
  const found = given.type === undefined || given.type === "email" ? addressOf(given) : undefined;
  const type = given.type ?? (found === undefined ? "" : "email");
  // AWS credentials come in login and password.
  const login = type === "aws" ? undefined : (found ?? given.login);
  if (![id, type, login ?? "", status].every((text) => fits(text, shortBytesMax))) return undefined;
  if (data !== undefined && !fits(data, longBytesMax)) return undefined;
  if (expiration !== undefined && !Number.isSafeInteger(expiration)) return undefined;
  return { id, type, data: type === "aws" ? undefined : data, login, expiration, status };
}

export function checkSettings(given: readonly Feature[]): Feature[] | undefined {
  if (given.length > settingsMax) return undefined;
  let bytes = 0;
  for (const { id, key, value, group } of given) {
    if (!fits(id, shortBytesMax) || !fits(key, shortBytesMax) || !fits(group, shortBytesMax)) return undefined;
    if (typeof value === "string" && !fits(value, longBytesMax)) return undefined;
    bytes += id.length + key.length + group.length + (typeof value === "string" ? value.length : 1);
  }
  return bytes > settingsBytesMax ? undefined : given.map(({ id, key, value, group }) => ({ id, key, value, group }));
}

/** Gives the language in a profile's settings: the first text in the group that clients keep their language in. */
export function languageIn(settings: readonly Feature[]): string | undefined {
  const values = settings.filter(({ group }) => /^LANGUAGE(?:_SETTINGS)?$/i.test(group)).map(({ value }) => value);
  return values.find((value) => typeof value === "string" && languageForm.test(value)) as string | undefined;
}

/**
 * Replaces `stored` by `given`. Only a service that was verified before is verified. A service marked for removal is
 * dropped.
 */
export function replaceServices(stored: readonly Service[], given: readonly Service[]): Service[] {
  const verified = new Set(stored.filter((service) => service.status === "verified").map(nameOf));
  return given
    .filter((service) => service.status !== "remove")
    .map((service) => {
      if (verified.has(nameOf(service))) return { ...service, status: "verified" };
      return service.status === "verified" ? { ...service, status: "added" } : service;
    });
}

/** Adds `given` to `stored`; each replaces the stored one of its name. A verified service stays verified. */
export function addServices(stored: readonly Service[], given: readonly Service[]): Service[] {
  const named = new Map(stored.map((service) => [nameOf(service), service]));
  for (const service of given) {
    const status = named.get(nameOf(service))?.status === "verified" ? "verified" : "added";
    named.set(nameOf(service), { ...service, status });
  }
  return [...named.values()];
}

/** Marks the address as verified. */
export function verifyAddress(stored: readonly Service[], login: string): Service[] {
  const proved = { id: "", type: "email", data: undefined, login, expiration: undefined, status: "added" };
  const known = stored.some((service) => nameOf(service) === nameOf(proved));
  return (known ? stored : [...stored, proved]).map((service) =>
    nameOf(service) === nameOf(proved) ? { ...service, status: "verified" } : service,
  );
}

/** What identifies a service: the address of an e-mail service, the id of any other. */
const nameOf = (service: Service): string =>
  service.type === "email" && service.login !== undefined ? `email ${service.login}` : `${service.type} ${service.id}`;

const fits = (text: string, bytesMax: number): boolean => text.isWellFormed() && Buffer.byteLength(text) <= bytesMax;
