/** `bun tests/web/readme-pictures.ts DIR`: writes the README's pictures, small, out of the screenshots in DIR; see docs/web.md. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { decodePng, encodeSmallPng } from "./png.ts";

const [from] = process.argv.slice(2);
if (from === undefined) throw new Error("usage: bun tests/web/readme-pictures.ts DIR");
const to = join(import.meta.dir, "../../docs/images");
mkdirSync(to, { recursive: true });
for (const name of ["group-desk.png", "group-phone-dark.png", "log-in-phone.png"]) {
  const small = encodeSmallPng(decodePng(readFileSync(join(from, name))));
  writeFileSync(join(to, name), small);
  process.stdout.write(`docs/images/${name} ${small.length} bytes\n`);
}
