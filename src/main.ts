/** Where the program starts. Everything beyond the command line is loaded by the command that needs it. */
import { run } from "./cli/program.ts";

const exitCode = await run(process.argv.slice(2));
// After a failure something may still be open, a listener for one; after success the rest of the output must get out.
if (exitCode === 0) process.exitCode = 0;
else process.exit(exitCode);
