/** How much memory this process may use: the machine's, or less where a control group has a limit. */
import { readFileSync } from "node:fs";

const kib = 1024;

/** Undefined where the file cannot be read. */
export type ReadText = (path: string) => string | undefined;

const readText: ReadText = (path) => {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return undefined; // not Linux, or another version of control groups
  }
};

/** Bytes. */
export function machineMemoryBytes(read: ReadText = readText, known = process.constrainedMemory()): number {
  const total = /^MemTotal:\s*(\d+) kB$/m.exec(read("/proc/meminfo") ?? "")?.[1];
  const sizes = [known, Number(total ?? 0) * kib, ...groupLimits(read)];
  return Math.min(...sizes.filter((size) => Number.isFinite(size) && size > 0), 2 ** 53);
}

/** The limits of the group and of those it is within: version 2, then version 1. */
function groupLimits(read: ReadText): number[] {
  const limits: number[] = [];
  for (const line of (read("/proc/self/cgroup") ?? "").split("\n")) {
    const [, controllers, ...rest] = line.split(":");
    if (controllers === undefined || (controllers !== "" && !controllers.split(",").includes("memory"))) continue;
    const [root, file] =
      controllers === "" ? ["/sys/fs/cgroup", "memory.max"] : ["/sys/fs/cgroup/memory", "memory.limit_in_bytes"];
    const parts = rest.join(":").split("/").filter(Boolean);
    for (let depth = parts.length; depth >= 0; depth--) {
      const text = read([root, ...parts.slice(0, depth), file].join("/"))?.trim();
      if (text !== undefined && /^\d+$/.test(text)) limits.push(Number(text));
    }
  }
  return limits;
}
