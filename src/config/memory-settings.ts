/** The memory that Roost may fill for others, `limits.memory_bytes`, and how it is shared out. */
import { machineMemoryBytes } from "../lib/machine-memory.ts";
import { defaultMemoryLimits, type MemoryLimits } from "../net/memory-budget.ts";
import { bytes, mib, type Raw, settingsOf } from "./values.ts";

const least = 32 * mib;
const size = bytes(least, 1024 * 1024 * mib);

export const memorySettings = settingsOf({
  "limits.memory_bytes": {
    ...size,
    form: "auto | BYTES",
    parse: (raw: Raw): number => (raw === "auto" ? automatic() : size.parse(raw)),
    fallback: "auto",
    about:
      "Bytes in memory for others: what waits for slow readers, what is half sent, subscriptions, retained messages. auto: a quarter of the machine's memory, or of what a control group allows.",
  },
});

const automatic = (): number => Math.max(least, Math.floor(machineMemoryBytes() / 4));

export function memoryLimitsOf(memoryBytesMax: number): MemoryLimits {
  const { accountBytesMax, strangersBytesMax } = defaultMemoryLimits;
  const share = memoryBytesMax / 8;
  return {
    memoryBytesMax,
    accountBytesMax: Math.min(accountBytesMax, share),
    strangersBytesMax: Math.min(strangersBytesMax, share),
  };
}
