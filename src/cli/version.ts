/** `roost version` */
import { version } from "../lib/version.ts";
import type { CommonOptions } from "./options.ts";
import { printJson, printLine } from "./print.ts";

export async function printVersion(options: CommonOptions & { readonly licences?: boolean }): Promise<void> {
  if (options.licences) {
    const { notices } = await import("./notices.ts");
    await Bun.write(Bun.stdout, await notices());
    return;
  }
  if (options.json) printJson({ version, bun: Bun.version, platform: `${process.platform}-${process.arch}` });
  else printLine(`roost ${version}`);
}
