/**
 * Who asks for codes to be paid for by others: many addresses, many numbers of a few countries, a few numbers from everywhere,
 * over sockets of their own; and people who only want to log in meanwhile.
 */
import { decodeTerm } from "../../src/etf/decode.ts";
import { encodeTerm, type WireTerm } from "../../src/etf/encode.ts";
import { Atom, atom, binary, Tuple } from "../../src/etf/term.ts";
import { publishPacket, RawMqtt } from "../support/raw-mqtt.ts";

/** The gateway that is paid: what it was asked to send, in order. */
export interface PaidGateway extends AsyncDisposable {
  readonly url: string;
  readonly paid: { readonly to: string; readonly code: string }[];
}

export function startPaidGateway(): PaidGateway {
  const paid: { to: string; code: string }[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request) {
      const { searchParams } = new URL(request.url);
      paid.push({ to: searchParams.get("to") ?? "", code: /\d{6}/.exec(searchParams.get("text") ?? "")?.[0] ?? "" });
      return new Response("");
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}/send?to={to}&text={text}`,
    paid,
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

export interface Told {
  readonly kind: string;
  readonly what: string;
  readonly token: string;
}

const text = (value: string | undefined): WireTerm => (value === undefined ? [] : binary(value));

interface Request {
  readonly devKey?: string;
  readonly phone?: string;
  readonly token?: string;
  readonly type?: string;
  readonly code?: string;
}

const termOf = ({ devKey, phone, token, type, code }: Request): Buffer => {
  const fields = [
    text(devKey),
    [],
    text(phone),
    text(token),
    [],
    type === undefined ? [] : atom(type),
    text(code),
    [],
    [],
  ];
  return Buffer.from(encodeTerm(new Tuple([atom("Auth"), ...fields])));
};

/** A connection from one address. */
export class Asking implements AsyncDisposable {
  readonly #raw: RawMqtt;

  private constructor(raw: RawMqtt) {
    this.#raw = raw;
  }

  static async from(address: string, port: number, password?: string): Promise<Asking> {
    const fields = { username: "api", ...(password === undefined ? {} : { password: Buffer.from(password) }) };
    return new Asking(await RawMqtt.connect(port, fields, { localAddress: address }));
  }

  /** Asks all at once; the answers come in that order. */
  async ask(...requests: readonly Request[]): Promise<Told[]> {
    this.#raw.send(...requests.map((request) => publishPacket("events//api/anon//", termOf(request))));
    const told: Told[] = [];
    while (told.length < requests.length) {
      const packet = await this.#raw.next("an answer", 60_000);
      if (packet.cmd === "publish") told.push(toldBy(packet.payload as Buffer));
    }
    return told;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#raw[Symbol.asyncDispose]();
  }
}

function toldBy(payload: Buffer): Told {
  const io = decodeTerm(payload);
  const result = io instanceof Tuple ? io.items[1] : undefined;
  const items = result instanceof Tuple ? result.items : [];
  const [kind = "", what = "", token = ""] = items.map((item) => {
    if (item instanceof Atom) return item.name;
    return item instanceof Uint8Array ? String(Buffer.from(item)) : "";
  });
  return { kind, what, token };
}

/** How many requests were answered, for who waits for a part of them. */
export class Progress {
  answered = 0;
  #waiting: { readonly at: number; readonly resolve: () => void }[] = [];

  add(count: number): void {
    this.answered += count;
    const ready = this.#waiting.filter(({ at }) => at <= this.answered);
    this.#waiting = this.#waiting.filter(({ at }) => at > this.answered);
    for (const { resolve } of ready) resolve();
  }

  reached(at: number): Promise<void> {
    if (this.answered >= at) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ at, resolve }));
  }
}

/** Of six countries; every second number is of the first. */
const attacked = ["380671", "4915212", "447400", "33612", "34612", "48512"];
export const attackedCodes = ["380", "49", "44", "33", "34", "48"];
export const victim = "447911123456";
export const requestsPerAddress = 10;

/** The `at`-th address of the attack, out of 127.64.0.0 to 127.127.255.255. */
export const addressOf = (at: number): string => `127.${64 + ((at >> 16) & 63)}.${(at >> 8) & 255}.${at & 255}`;

export const numberOf = (at: number): string => {
  const prefix = at % 2 === 0 ? attacked[0] : attacked[1 + ((at >> 1) % (attacked.length - 1))];
  return `${prefix}${100_000 + (at % 900_000)}`;
};

export interface Attack {
  /** Answers by what they said. */
  readonly told: Map<string, number>;
  /** Who asked for each number but the victim's. */
  readonly askedBy: Map<string, string>;
  /** How many asked. */
  readonly addresses: number;
}

const connectionsAtOnce = 64;

/** `requests` are a multiple of ten; each address asks nine times for a code and once for another one. */
export async function attack(port: number, requests: number, progress: Progress): Promise<Attack> {
  const told = new Map<string, number>();
  const askedBy = new Map<string, string>();
  let numbers = 0;
  let addresses = 0;
  const count = (answers: readonly Told[]): void => {
    for (const { kind, what } of answers) told.set(`${kind} ${what}`, (told.get(`${kind} ${what}`) ?? 0) + 1);
    progress.add(answers.length);
  };
  const next = (address: string): Request => {
    const number = numberOf(numbers++);
    askedBy.set(number, address);
    return { devKey: `device-of-${number}`, phone: number };
  };
  const left = () => requests - progress.answered;

  // Two addresses that ask for many numbers each, and many addresses that ask for one number.
  for (let at = 0; at < 2; at++) {
    const address = addressOf(addresses++);
    await using asking = await Asking.from(address, port);
    count(await asking.ask(...Array.from({ length: 60 }, () => next(address))));
  }
  for (let at = 0; at < 60; at++) {
    await using asking = await Asking.from(addressOf(addresses++), port);
    count(await asking.ask({ devKey: `device-of-victim-${at}`, phone: victim }));
  }
  let waves = Math.ceil(left() / requestsPerAddress);
  const lane = async (): Promise<void> => {
    while (waves-- > 0) {
      const address = addressOf(addresses++);
      await using asking = await Asking.from(address, port);
      const issued = await asking.ask(...Array.from({ length: requestsPerAddress - 1 }, () => next(address)));
      count(issued);
      count(await asking.ask({ token: issued[0]?.token ?? "", type: "resend_sms" }));
    }
  };
  await Promise.all(Array.from({ length: connectionsAtOnce }, lane));
  return { told, askedBy, addresses };
}
