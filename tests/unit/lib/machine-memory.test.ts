import { expect, test } from "bun:test";
import { machineMemoryBytes } from "../../../src/lib/machine-memory.ts";

const gib = 1024 ** 3;
const meminfo = { "/proc/meminfo": `MemTotal:       ${(8 * gib) / 1024} kB\nMemFree: 1 kB\n` };
const table: [what: string, files: Record<string, string>, known: number, bytes: number][] = [
  ["the machine", meminfo, 0, 8 * gib],
  ["what the runtime knows", meminfo, 2 * gib, 2 * gib],
  [
    "a container's own group",
    { ...meminfo, "/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/memory.max": "1073741824\n" },
    0,
    gib,
  ],
  [
    "a unit within a slice with less",
    {
      ...meminfo,
      "/proc/self/cgroup": "0::/system.slice/roost.service\n",
      "/sys/fs/cgroup/system.slice/memory.max": "536870912\n",
      "/sys/fs/cgroup/system.slice/roost.service/memory.max": "max\n",
    },
    0,
    gib / 2,
  ],
  [
    "version 1",
    {
      ...meminfo,
      "/proc/self/cgroup": "5:cpu:/x\n4:memory:/docker/1\n0::/\n",
      "/sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes": "268435456\n",
      "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
    },
    0,
    gib / 4,
  ],
  ["no Linux", {}, 4 * gib, 4 * gib],
];

test.each(table)("%s", (_, files, known, bytes) => {
  expect(machineMemoryBytes((path) => files[path], known)).toBe(bytes);
});
