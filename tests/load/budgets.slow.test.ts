/** What others can make a server hold, in short; `bun run budgets` is the measurement. */
import { expect, test } from "bun:test";
import { platform } from "node:os";
import { until } from "../support/deadline.ts";
import { Attackers, riseBytesMax } from "./budgets.ts";
import { openStage } from "./honest.ts";
import { readProcessStats } from "./process-stats.ts";

/** Each of these is ended in a few seconds, whatever else happens. */
const mustEnd = ["strangers, half-connect", "strangers, half-frame", "account, half-frame", "account, half-publish"];
const ways = "half-connect,half-frame,half-publish,unread";

test.skipIf(platform() !== "linux")(
  "strangers and an account that hold all they can at once are ended, in bounded memory",
  async () => {
    await using stage = await openStage({ requests: 1, members: 0, newcomers: 0 });
    const { server, target } = stage;
    const { rssBytes } = await readProcessStats(server.pid);
    await stage.measured();
    await using attackers = new Attackers(["strangers", "account"], target, ways);
    await until("some of each to end", () => mustEnd.every((way) => (attackers.ended[way] ?? 0) > 0), 120_000);
    const rise = (await stage.measured()).rssPeakBytes - rssBytes;
    // Twice as much: the collector's pace depends on what else the machine does.
    console.log(`  ${Math.round(rise / (1024 * 1024))} MiB more memory`);
    expect(rise).toBeLessThan(2 * (riseBytesMax.strangers + riseBytesMax.account));
    expect((await fetch(`http://${server.http}/healthz`)).status).toBe(200);
  },
  240_000,
);
