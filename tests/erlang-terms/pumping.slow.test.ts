/**
 * A flood of requests for codes against the executable: what is paid stays within the limits, and people log in meanwhile.
 * ROOST_PUMPING_REQUESTS=100000 is the long form, from 10,000 addresses; it prints its figures.
 */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { startBinary } from "../cross/binary-server.ts";
import { temporaryFolder } from "../store/open-sqlite.ts";
import { Asking, type Attack, attack, attackedCodes, Progress, startPaidGateway, victim } from "./pumping-attack.ts";

const requests = Number(process.env["ROOST_PUMPING_REQUESTS"] ?? 3000);
const long = process.env["ROOST_PUMPING_REQUESTS"] !== undefined;
const limits = { number: 5, address: 20, prefix: 200, day: 1000, keptOfDay: 250 };

const testNumbers = ["15550001001", "15550001002", "15550001003", "15550001004"];
const testCode = "903182";
/** How often somebody wants to log in, of each kind, in the course of the attack. */
const rounds = long ? 400 : 40;
/** Codes for a country that is not under attack. */
const honestCodes = 20;
/** Generous, since whatever else the machine does is in it. */
const medianMsMax = 1000;
const worstMsMax = 10_000;

/** A log-in by a token that was confirmed, by a test number, or by a code; how long each took. */
function people(port: number, codeOf: (phone: string) => string | undefined) {
  const took = { token: [] as number[], testNumber: [] as number[], code: [] as number[] };
  let people = 0;
  const from = (): string => `127.200.${(people >> 8) & 255}.${people++ & 255}`;
  async function timed(times: number[], work: () => Promise<void>): Promise<void> {
    const start = performance.now();
    await work();
    times.push(performance.now() - start);
  }
  async function register(phone: string, code: () => string | undefined): Promise<string> {
    await using asking = await Asking.from(from(), port);
    const [issued] = await asking.ask({ devKey: `device-${people}-of-${phone}`, phone });
    expect([phone, issued?.kind, issued?.what]).toEqual([phone, "ok", "sms_send"]);
    const token = issued?.token ?? "";
    const [verified] = await asking.ask({ token, type: "verify", code: code() ?? "" });
    expect(verified).toEqual({ kind: "ok", what: "login", token });
    return token;
  }
  return {
    took,
    register: (phone: string) => register(phone, () => testCode),
    byToken: (token: string) =>
      timed(took.token, async () => {
        await using asking = await Asking.from(from(), port, token);
        expect(await asking.ask({ token })).toEqual([{ kind: "ok", what: "login", token }]);
      }),
    byTestNumber: (phone: string) => timed(took.testNumber, async () => void (await register(phone, () => testCode))),
    byCode: (phone: string) => timed(took.code, async () => void (await register(phone, () => codeOf(phone)))),
  };
}

test(
  `of ${requests} requests for codes from many addresses few are paid, and people log in all the while`,
  async () => {
    using folder = temporaryFolder();
    await using gateway = startPaidGateway();
    await using server = await startBinary(join(folder.path, "data"), {
      env: {
        ROOST_DURABILITY: "os",
        // As they are by default: here not all comes from one address.
        ROOST_LIMITS_MQTT_CONNECTIONS_PER_ADDRESS: "1000",
        ROOST_LIMITS_MQTT_CONNECTS_PER_ADDRESS_SECOND: "100",
        ROOST_SMS_ADAPTER: "http",
        ROOST_SMS_HTTP_URL: gateway.url,
        ROOST_SMS_TEST_NUMBERS: testNumbers.map((number) => `${number}=${testCode}`).join(","),
      },
    });
    const port = Number(server.mqtt.slice(server.mqtt.lastIndexOf(":") + 1));
    const { took, register, byToken, byTestNumber, byCode } = people(
      port,
      (phone) => gateway.paid.findLast(({ to }) => to === phone)?.code,
    );
    const tokens = await Promise.all(testNumbers.map(register));

    const progress = new Progress();
    const started = performance.now();
    const honest = async (times: number, logIn: (at: number) => Promise<void>): Promise<void> => {
      for (let at = 0; at < times; at++) {
        await progress.reached((requests * at) / times);
        await logIn(at);
      }
    };
    const [{ told, askedBy, addresses }] = await Promise.all([
      attack(port, requests, progress),
      honest(rounds, (at) => byToken(tokens[at % tokens.length] ?? "")),
      honest(rounds, (at) => byTestNumber(testNumbers[at % testNumbers.length] ?? "")),
      honest(honestCodes, (at) => byCode(`42060112${3000 + at}`)),
    ]);
    const seconds = (performance.now() - started) / 1000;

    // Every request was answered, in words of AUTH.
    expect([...told.values()].reduce((sum, count) => sum + count, 0)).toBe(progress.answered);
    expect(progress.answered).toBeGreaterThanOrEqual(requests);
    expect([...told.keys()].sort()).toEqual(["error sms_send", "ok sms_send"]);
    const paid = paidBy(
      gateway.paid.map(({ to }) => to),
      askedBy,
    );
    expect(paid.attack).toBe(told.get("ok sms_send") ?? 0);
    expect(paid.attack).toBeGreaterThan(limits.day / 2); // The limits were reached.
    expect(paid.attack + honestCodes).toBeLessThanOrEqual(limits.day);
    expect(paid.attack).toBeLessThanOrEqual(limits.day - limits.keptOfDay);
    expect([paid.ofVictim, paid.mostOfNumber]).toEqual([limits.number, limits.number]);
    expect(paid.mostOfAddress).toBe(limits.address);
    expect(paid.mostOfCountry).toBeLessThanOrEqual(limits.prefix);
    expect(gateway.paid.length - paid.attack).toBe(honestCodes);
    for (const times of Object.values(took)) {
      expect(quantile(times, 0.5)).toBeLessThan(medianMsMax);
      expect(quantile(times, 1)).toBeLessThan(worstMsMax);
    }
    if (long) process.stdout.write(figures({ seconds, told, paid, took, addresses, server }));
  },
  long ? 3_600_000 : 30_000,
);

/** What was paid for the attack, and the most of one number, one address and one country. */
function paidBy(numbers: readonly string[], askedBy: Attack["askedBy"]) {
  const attacked = numbers.filter((number) => number === victim || askedBy.has(number));
  const most = (keys: readonly (string | undefined)[]): number => {
    const counts = new Map<string, number>();
    for (const key of keys) if (key !== undefined) counts.set(key, (counts.get(key) ?? 0) + 1);
    return Math.max(0, ...counts.values());
  };
  return {
    attack: attacked.length,
    ofVictim: attacked.filter((number) => number === victim).length,
    mostOfNumber: most(attacked),
    mostOfAddress: most(attacked.map((number) => askedBy.get(number))),
    mostOfCountry: most(attacked.map((number) => attackedCodes.find((code) => number.startsWith(code)))),
  };
}

function quantile(times: readonly number[], part: number): number {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.POSITIVE_INFINITY;
}

function figures(of: {
  seconds: number;
  addresses: number;
  told: Attack["told"];
  paid: ReturnType<typeof paidBy>;
  took: Readonly<Record<string, readonly number[]>>;
  server: { readonly pid: number };
}): string {
  const times = Object.entries(of.took).map(([kind, all]) => {
    const [median, late, worst] = [0.5, 0.99, 1].map((part) => quantile(all, part).toFixed(1));
    return `log-ins by ${kind}: ${all.length}, median ${median} ms, 99 % ${late} ms, worst ${worst} ms\n`;
  });
  const memory = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${of.server.pid}/status`, "utf8"))?.[1];
  return [
    `${requests} requests from ${of.addresses} addresses in ${of.seconds.toFixed(1)} s\n`,
    `answers ${JSON.stringify(Object.fromEntries(of.told))}\n`,
    `paid ${JSON.stringify(of.paid)}\n`,
    ...times,
    `server: at most ${Math.round(Number(memory) / 1024)} MiB resident\n`,
  ].join("");
}
