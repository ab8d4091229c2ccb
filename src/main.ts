/** Where the program starts. Each command loads what it needs beyond the command line. */
import { run } from "./cli/program.ts";

const exitCode = await run(process.argv.slice(2));
// After a failure something may still be open, such as a listener. After success the rest of the output must be
// written.
if (exitCode === 0) process.exitCode = 0;
else process.exit(exitCode);
