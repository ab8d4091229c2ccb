/**
 * The licences of what the executable holds of others: each package with the text of its own licence file, and Bun with the
 * libraries it links. From the sources this reads the installed packages. The build calls it once and puts the text in its
 * place (`tests/support/build.ts`).
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const root = join(import.meta.dir, "../..");

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly homepage?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

interface Package extends Manifest {
  readonly folder: string;
}

/** Throws where a package is not installed. */
export async function notices(): Promise<string> {
  const packages = packagesOf(readManifest(root)).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return `${[introduction, bunNotice(), ...packages.map(packageNotice)].join(`\n\n${"-".repeat(80)}\n\n`)}\n`;
}

const introduction = `Roost is licensed under the Apache License, Version 2.0 (see LICENSE). Its executable also holds the software below,
each part under its own licence.`;

const readManifest = (folder: string): Manifest => JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));

/** All packages that the program depends on, those of dependencies included; each once. */
function packagesOf(manifest: Manifest): Package[] {
  const found = new Map<string, Package>();
  const add = ({ dependencies = {} }: Manifest, from: string): void => {
    for (const name of Object.keys(dependencies)) {
      const folder = folderOf(name, from);
      // Types are gone when the program is built.
      if (name.startsWith("@types/") || found.has(folder)) continue;
      const its = { ...readManifest(folder), folder };
      found.set(folder, its);
      add(its, folder);
    }
  };
  add(manifest, root);
  return [...found.values()];
}

/** As Node resolves it: the nearest `node_modules` above. */
function folderOf(name: string, from: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, "node_modules", name);
    if (existsSync(join(candidate, "package.json"))) return candidate;
    if (folder === dirname(folder)) throw new Error(`${name} is not installed`);
  }
}

function packageNotice({ name, version, license = "see its text", folder }: Package): string {
  const file = readdirSync(folder).find((entry) => /^(licen[cs]e|copying)(\.\w+)?$/i.test(entry));
  const text =
    file === undefined
      ? "The package has no licence file; the text of its licence is the one that its name stands for."
      : readFileSync(join(folder, file), "utf8").trim();
  return `${name} ${version}\nLicence: ${license}\n\n${text}`;
}

/** Bun's own page on licences, as its package of types brings it. */
function bunNotice(): string {
  const page = readFileSync(join(folderOf("bun-types", root), "docs", "project", "license.mdx"), "utf8");
  const text = page.replace(/^---\n[\s\S]*?\n---\n/, "").trim();
  return `Bun ${Bun.version}, the runtime that the executable is built on\n\n${text}`;
}
