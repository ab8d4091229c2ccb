/** Where the program starts. Everything beyond the command line is loaded by the command that needs it. */
import { run } from "./cli/program.ts";

process.exitCode = await run(process.argv.slice(2));
