/** Run with a small `ulimit -n`: prints what the reserve and the folder of files say while no descriptor is free, and after. */
import { closeSync, existsSync, openSync } from "node:fs";
import { join } from "node:path";
import { isOutOfDescriptors } from "../../src/lib/system-errors.ts";
import { openFolder } from "../../src/store/files/folder.ts";
import { createReserve } from "../../src/store/sqlite/engine/reserve.ts";

const dataDir = process.argv[2] ?? "";
const reserve = createReserve(dataDir);
const folder = openFolder(dataDir, true);
const large = new Uint8Array(100_000);

function put(): string {
  try {
    folder.put("ab".repeat(32), large, large.length);
    return "put";
  } catch (error) {
    return isOutOfDescriptors(error) ? "out of descriptors" : String(error);
  }
}

const taken: number[] = [];
const takeAll = (): void => {
  try {
    for (;;) taken.push(openSync("/dev/null", "r"));
  } catch (error) {
    if (!isOutOfDescriptors(error)) throw error;
  }
};

takeAll();
const meanwhile = { prepared: (await reserve.prepare()) ?? "later", intact: reserve.intact, file: put() };
for (const descriptor of taken) closeSync(descriptor);
const after = { prepared: await reserve.prepare(), intact: reserve.intact, file: put() };
process.stdout.write(JSON.stringify({ meanwhile, after, isThere: existsSync(join(dataDir, "reserve")) }));
