/** How long `work` keeps a core, in milliseconds: what else the machine does is not in it, as it is by the clock. */
export function cpuMsOf(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}
