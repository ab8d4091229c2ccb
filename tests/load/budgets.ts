/**
 * `bun run budgets`: how much memory others can make a server take that has its default limits. An honest load on a server,
 * first alone, and then beside strangers, or beside one account, that do what they can (`attacks.ts`).
 */
import { constants, setPriority } from "node:os";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { type Attack, attacks, type Target, ways } from "./attacks.ts";
import { type Measured, openStage, type Stage } from "./honest.ts";
import { readProcessStats } from "./process-stats.ts";

const mib = 1024 * 1024;

/** More than the honest load takes by itself. */
export const riseBytesMax: Readonly<Record<Attack, number>> = { strangers: 128 * mib, account: 256 * mib };
/** On a machine that does nothing else. */
const p99MsMax = 20;
const loginMsMax = 2000;

/** Full caches, and the members of large groups. */
const full = { requests: 80, members: 1000, newcomers: 24 };
/** So long the honest load is measured alone. */
const aloneSeconds = 20;
/** What the collector leaves of filling has gone when so long no more goes. */
const quietMs = 6000;
const settleMsMax = 60_000;

export class Attackers implements AsyncDisposable {
  /** How many connections of each way have ended. */
  ended: Readonly<Record<string, number>> = {};
  readonly #child: Bun.Subprocess<"pipe", "pipe", "inherit">;
  readonly #reading: Promise<void>;

  constructor(kinds: readonly Attack[], target: Target, way?: string) {
    const script = resolve(import.meta.dir, "attacks.ts");
    const more = way === undefined ? [] : [way];
    this.#child = Bun.spawn([process.execPath, script, kinds.join(","), JSON.stringify(target), ...more], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
    });
    this.#reading = this.#read();
  }

  /** They come from elsewhere, so they take no processor from whom they attack. */
  stepBack(): void {
    setPriority(this.#child.pid, constants.priority.PRIORITY_LOW);
  }

  async #read(): Promise<void> {
    let text = "";
    for await (const chunk of this.#child.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (text + chunk).split("\n");
      text = lines.pop() ?? "";
      const last = lines.at(-1);
      if (last !== undefined) this.ended = JSON.parse(last) as Record<string, number>;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill();
    await this.#child.exited;
    await this.#reading;
  }
}

/** Resolves when the server takes no less memory from one look to the next for a while. */
async function settled({ server }: Stage): Promise<void> {
  const startedMs = performance.now();
  let least = Number.POSITIVE_INFINITY;
  let sinceMs = startedMs;
  while (performance.now() < Math.min(sinceMs + quietMs, startedMs + settleMsMax)) {
    const { rssBytes } = await readProcessStats(server.pid);
    if (rssBytes < least - mib) {
      least = rssBytes;
      sinceMs = performance.now();
    }
    await Bun.sleep(250);
  }
}

interface Compared {
  readonly alone: Measured;
  readonly beside: Measured;
  readonly ended: Attackers["ended"];
}

async function compare(attack: Attack, seconds: number, way?: string): Promise<Compared> {
  await using stage = await openStage(full);
  const pass = (ms: number) => Promise.race([Bun.sleep(ms), stage.refused]);
  await settled(stage);
  await stage.measured();
  await pass(1000 * Math.min(seconds, aloneSeconds));
  const alone = await stage.measured();
  await using attackers = new Attackers([attack], stage.target, way);
  attackers.stepBack();
  await pass(1000 * seconds);
  return { alone, beside: await stage.measured(), ended: attackers.ended };
}

const usage = `bun run budgets [--seconds N] [--attack strangers|account] [--each | --only WAY] [--ended]
  --seconds N   how long each attack lasts; 120 without it
  --attack KIND one of the two
  --each        each way by itself, instead of all at once
  --only WAYS   some ways, with commas between them
  --ended       says how many connections of each way were ended`;

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      seconds: { type: "string", default: "120" },
      attack: { type: "string" },
      each: { type: "boolean" },
      only: { type: "string" },
      ended: { type: "boolean" },
      help: { type: "boolean" },
    },
  });
  if (values.help === true) console.log(usage);
  else process.exit((await run(Number(values.seconds), values)) ? 0 : 1);
}

interface RunOptions {
  readonly attack?: string;
  readonly each?: boolean;
  readonly only?: string;
  readonly ended?: boolean;
}

/** Gives whether all was within the bounds. */
async function run(seconds: number, { attack: kind, each = false, only, ended = false }: RunOptions): Promise<boolean> {
  let isGood = true;
  for (const attack of attacks.filter((one) => kind === undefined || one === kind)) {
    for (const way of each ? Object.keys(ways[attack]) : [only]) {
      const found = await compare(attack, seconds, way);
      const { alone, beside } = found;
      const rise = beside.rssPeakBytes - alone.rssPeakBytes;
      const max = riseBytesMax[attack];
      const isWithin = rise <= max && beside.p99Ms < p99MsMax && beside.loginMs < loginMsMax;
      console.log(line("honest load alone", alone));
      console.log(line(`beside ${attack}${way === undefined ? "" : `, ${way}`}`, beside));
      console.log(`  ${toMib(rise)} more (at most ${toMib(max)})${isWithin ? "" : "   NOT within the bounds"}`);
      if (ended) console.log(`  ended: ${JSON.stringify(found.ended)}`);
      isGood &&= isWithin;
    }
  }
  return isGood;
}

function toMib(bytes: number): string {
  return `${Math.round(bytes / mib)} MiB`;
}

function line(name: string, { rssPeakBytes, p99Ms, loginMs, messages, logins }: Measured): string {
  const figures = [
    `RSS ${toMib(rssPeakBytes)}`,
    `QoS 0 p99 ${p99Ms.toFixed(1)} ms of ${messages}`,
    `slowest of ${logins} log-ins ${Math.round(loginMs)} ms`,
  ];
  return `${name}: ${figures.join(", ")}`;
}
