/** What a run found, as JSON and as a table for a person. */
import { type Faults, hasFaults } from "./checker.ts";
import type { FlowResult } from "./flow.ts";
import type { LatencySummary } from "./histogram.ts";

export interface Report {
  scenario: string;
  /** What was asked for, in words: connections, window or rate, QoS, bytes. */
  load: string;
  ok: boolean;
  /** Why it is not ok. */
  problems: string[];
  seconds: number;
  sentPerSecond: number;
  ackedPerSecond: number;
  deliveredPerSecond: number;
  ackLatency: LatencySummary | undefined;
  deliveryLatency: LatencySummary | undefined;
  faults: Faults | undefined;
  late: number;
  server: ServerUse | undefined;
  generatorCpuSeconds: number;
  /** Generator's own processor seconds per million delivered messages. */
  generatorCpuPerMillion: number | undefined;
  /** Figures that only some scenarios have, with the unit in the name. */
  extra: Record<string, number>;
}

export interface ServerUse {
  cpuSeconds: number;
  /** Processor seconds for each million messages delivered, or requests answered. */
  cpuSecondsPerMillion: number | undefined;
  rssBytes: number;
  rssPeakBytes: number;
  threads: number;
}

export function reportOf({ scenario, load, result }: { scenario: string; load: string; result: FlowResult }): Report {
  const { faults, seconds, delivered, server } = result;
  const problems = [...result.problems];
  if (hasFaults(faults)) {
    problems.push(`${faults.lost} lost, ${faults.duplicated} duplicated, ${faults.reordered} out of order`);
    problems.push(...faults.examples);
  }
  const perMillion = (cpuSeconds: number) => (delivered === 0 ? undefined : (cpuSeconds / delivered) * 1e6);
  return {
    scenario,
    load,
    ok: problems.length === 0,
    problems,
    seconds,
    sentPerSecond: result.sent / seconds,
    ackedPerSecond: result.acked / seconds,
    deliveredPerSecond: delivered / seconds,
    ackLatency: result.ackLatency,
    deliveryLatency: result.deliveryLatency,
    faults,
    late: result.late,
    server: server === undefined ? undefined : { ...server, cpuSecondsPerMillion: perMillion(server.cpuSeconds) },
    generatorCpuSeconds: result.generatorCpuSeconds,
    generatorCpuPerMillion: perMillion(result.generatorCpuSeconds),
    extra: {},
  };
}

export function renderReport(report: Report): string {
  const rows: [string, string][] = [
    ["scenario", `${report.scenario} (${report.load})`],
    ["measured", `${report.seconds.toFixed(2)} s`],
  ];
  // Where nothing was delivered to anybody, what was sent are requests, and what came back are answers.
  const isMessages = report.deliveryLatency !== undefined;
  if (report.sentPerSecond > 0) rows.push(["sent", `${count(report.sentPerSecond)}/s`]);
  if (report.ackedPerSecond > 0) {
    rows.push([isMessages ? "acknowledged" : "answered", `${count(report.ackedPerSecond)}/s`]);
  }
  if (report.deliveredPerSecond > 0) rows.push(["delivered", `${count(report.deliveredPerSecond)}/s`]);
  if (report.ackLatency !== undefined)
    rows.push([isMessages ? "publish → ack" : "request → answer", latency(report.ackLatency)]);
  if (report.deliveryLatency !== undefined) rows.push(["publish → delivery", latency(report.deliveryLatency)]);
  if (report.late > 0) rows.push(["sent late", `${count(report.late)} messages`]);
  if (report.server !== undefined) {
    const { cpuSeconds, cpuSecondsPerMillion, rssBytes, rssPeakBytes, threads } = report.server;
    const each = cpuSecondsPerMillion === undefined ? "" : `, ${cpuSecondsPerMillion.toFixed(3)} s per million`;
    rows.push(["server CPU", `${cpuSeconds.toFixed(2)} s${each}`]);
    rows.push(["server memory", `${megabytes(rssBytes)} (peak ${megabytes(rssPeakBytes)}), ${threads} threads`]);
  }
  const each =
    report.generatorCpuPerMillion === undefined ? "" : `, ${report.generatorCpuPerMillion.toFixed(3)} s per million`;
  rows.push(["generator CPU", `${report.generatorCpuSeconds.toFixed(2)} s${each}`]);
  for (const [name, value] of Object.entries(report.extra)) rows.push([name, String(Math.round(value * 1000) / 1000)]);
  rows.push(["result", report.ok ? (isMessages ? "ok: nothing lost, nothing twice, all in order" : "ok") : "FAILED"]);
  for (const problem of report.problems) rows.push(["", problem]);
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join("\n");
}

function latency({ p50Us, p99Us, p999Us, maxUs }: LatencySummary): string {
  return `p50 ${ms(p50Us)}  p99 ${ms(p99Us)}  p99.9 ${ms(p999Us)}  max ${ms(maxUs)} ms`;
}

function ms(us: number): string {
  return (us / 1000).toFixed(us < 100_000 ? 3 : 1);
}

function count(value: number): string {
  return Math.round(value).toLocaleString("en");
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
