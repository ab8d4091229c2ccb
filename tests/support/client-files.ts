/**
 * The web client in the executable: its files lie there compressed as they are sent, as data beside the program, and are read
 * by the first request of the page.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildClient } from "../../src/pages/build.ts";
import type { Client } from "../../src/pages/client.ts";

export interface EmbeddedClient extends Disposable {
  readonly client: Client;
  readonly plugin: Bun.BunPlugin;
}

/** The files are there until it is disposed of, and must be while an executable is built. */
export async function embedClient(): Promise<EmbeddedClient> {
  const { files, ...client } = await buildClient();
  const folder = mkdtempSync(join(tmpdir(), "roost-client-"));
  const imports: string[] = [];
  const entries: string[] = [];
  for (const [path, { type, encodings }] of files) {
    const parts = Object.entries(encodings).map(([encoding, bytes]) => {
      const file = join(folder, `${imports.length}.${encoding}`);
      writeFileSync(file, bytes);
      const name = `file${imports.length}`;
      imports.push(`import ${name} from ${JSON.stringify(file)} with { type: "file" };`);
      return `${encoding}: await Bun.file(${name}).bytes()`;
    });
    entries.push(`[${JSON.stringify(path)}, { type: ${JSON.stringify(type)}, encodings: { ${parts.join(", ")} } }]`);
  }
  const contents = `${imports.join("\n")}
const read = async () => ({ ...${JSON.stringify(client)}, files: new Map([${entries.join(",\n")}]) });
let client;
export const clientFiles = () => (client ??= read());`;
  return {
    client: { files, ...client },
    plugin: {
      name: "web client",
      setup: (builder) => {
        builder.onLoad({ filter: /[/\\]pages[/\\]client-files\.ts$/ }, () => ({ contents, loader: "ts" }));
      },
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
