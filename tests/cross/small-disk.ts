/** A file system of a few MiB that can be filled to its last block. Mounting one takes root. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface SmallDisk extends Disposable {
  readonly path: string;
}

/** Undefined, loudly, where nothing can be mounted. */
export function mountSmallDisk(mebibytes: number): SmallDisk | undefined {
  const path = mkdtempSync(join(tmpdir(), "roost-small-disk-"));
  const run = (...command: string[]): boolean => Bun.spawnSync(command, { stdout: "ignore", stderr: "ignore" }).success;
  const mounted = Bun.which("mount") !== null && run("mount", "-t", "tmpfs", "-o", `size=${mebibytes}m`, "tmpfs", path);
  if (!mounted) {
    rmSync(path, { recursive: true, force: true });
    console.error("\n*** a small file system cannot be mounted here: its tests DID NOT RUN ***\n");
    return undefined;
  }
  return {
    path,
    [Symbol.dispose]() {
      run("umount", "-l", path);
      rmSync(path, { recursive: true, force: true });
    },
  };
}
