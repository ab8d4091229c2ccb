/** Programs a test needs beside the runtime, such as mosquitto_pub. */
import { expect } from "bun:test";

/**
 * Whether `name` is on PATH. Where it is missing the test may be skipped on someone's own machine, loudly; in CI its
 * absence fails the test, so that coverage cannot disappear unnoticed.
 */
export function requireProgram(name: string): boolean {
  if (Bun.which(name) !== null) return true;
  console.error(`\n*** ${name} is not installed: its tests DID NOT RUN ***\n`);
  if (process.env["CI"]) expect.unreachable(`${name} must be installed in CI`);
  return false;
}

/** A Python 3 that has these modules, Debian's before whatever else is on PATH; undefined, loudly, where there is none. */
export async function pythonWith(modules: readonly string[]): Promise<string | undefined> {
  for (const python of ["/usr/bin/python3", Bun.which("python3")]) {
    if (python === null || !(await Bun.file(python).exists())) continue;
    const child = Bun.spawn([python, "-c", `import ${modules.join(", ")}`], { stdout: "ignore", stderr: "ignore" });
    if ((await child.exited) === 0) return python;
  }
  console.error(`\n*** no python3 with ${modules.join(" and ")}: its tests DID NOT RUN ***\n`);
  if (process.env["CI"]) throw new Error(`python3 with ${modules.join(" and ")} must be installed in CI`);
  return undefined;
}
