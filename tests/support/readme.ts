/** README.md, and its conversations as it prints them. */
import { expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { serving, temporaryFolder } from "../cli/roost.ts";
import { withDeadline } from "./deadline.ts";
import { requireProgram } from "./programs.ts";

const root = new URL("../../", import.meta.url).pathname;
export const readme = readFileSync(`${root}README.md`, "utf8");

/** What stands below a heading of the second level. */
export const section = (heading: string): string => readme.split(`\n## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
export const shellBlocks = (text: string): string[] =>
  [...text.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block = ""]) => block);

/** Does at once what npx does in half a second, and nothing else. */
const quickNpx = `#!/bin/sh
[ "$1 $2" = "--yes bun@1.4.5" ] || exit 127
shift 2
exec "${process.execPath}" "$@"
`;

type Npx = "of the machine" | "that is quick";

/** Runs the blocks as one script, beside a server of their own. */
async function runAsPrinted(
  blocks: readonly string[],
  npx: Npx,
): Promise<{ said: string; complaint: string; code: number }> {
  using folder = temporaryFolder();
  const data = folder.in("data");
  await using server = await serving(["--data", data, "--http", "[::]:0", "--mqtt", "[::]:0", "--json"], {
    cwd: folder.path,
    env: { ROOST_DURABILITY: "os" },
  });
  const { http, mqtt } = JSON.parse(server.firstLine) as { http: string; mqtt: string };
  const portOf = (address: string): string => address.slice(address.lastIndexOf(":") + 1);
  // Mosquitto's clients read their port from a file, so their lines run without a change.
  mkdirSync(folder.in("settings"));
  for (const program of ["mosquitto_pub", "mosquitto_sub"]) {
    writeFileSync(folder.in("settings", program), `-p ${portOf(mqtt)}\n`);
  }
  mkdirSync(folder.in("programs"));
  if (npx === "that is quick") writeFileSync(folder.in("programs", "npx"), quickNpx, { mode: 0o755 });
  const script = blocks.join("\n").replaceAll("localhost:8080", `localhost:${portOf(http)}`);
  await using child = Bun.spawn(["sh", "-eu", "-c", script], {
    cwd: root,
    env: {
      PATH: `${folder.in("programs")}:${process.env["PATH"]}`,
      HOME: process.env["HOME"],
      XDG_CONFIG_HOME: folder.in("settings"),
      ROOST_DATA: data,
    },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [said, complaint, code] = await withDeadline(
    "the end of the script",
    Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited]),
    50_000,
  );
  await server.end();
  return { said, complaint, code };
}

/** The README's conversations, as tests. */
export function conversationsAsPrinted(npx: Npx): void {
  const programs = ["sh", "npx", "curl", "mosquitto_pub", "mosquitto_sub"];
  const available = programs.map(requireProgram).every(Boolean);

  test.skipIf(!available)(
    "the conversation across three doors runs as it is printed",
    async () => {
      const blocks = shellBlocks(section("A conversation across three doors"));
      expect(blocks).toHaveLength(6);
      const { said, complaint, code } = await runAsPrinted(blocks, npx);
      expect([code, complaint]).toEqual([0, expect.stringMatching(/^This is shown once\. .*\n$/)]);

      expect(said).toMatch(/^\{"GUIDList":\["[0-9a-f-]{36}","[0-9a-f-]{36}","[0-9a-f-]{36}"\]\}/);
      // Anna is told that her message is stored, and Ben's phone is given it once it is back.
      expect(said).toMatch(/\{"message_id":"1","seq":1,[^}]*"client_id":"1"\}/);
      expect(said).toMatch(/\{"message_id":"1",[^}]*"sender":"anna",[^}]*"content":"hello over REST"[^}]*\}/);
      const heardByMia = [...said.matchAll(/^Mia reads from \d+: (.*)$/gm)].map(([, words]) => words);
      expect(heardByMia.toSorted()).toEqual(["hello over MQTT", "hello over REST", "hello over WebSocket"]);
      const history = JSON.parse(said.slice(said.lastIndexOf('{"messages":'))) as {
        messages: { seq: number; sender: string; content: string }[];
      };
      expect(history.messages.map(({ seq, sender, content }) => [seq, sender, content])).toEqual([
        [1, "anna", "hello over REST"],
        [2, "ben", "hello over MQTT"],
        [3, "mia", "hello over WebSocket"],
      ]);
    },
    60_000,
  );

  test.skipIf(!available)(
    "the panel hears the lamp as it is printed",
    async () => {
      const blocks = shellBlocks(section("A lamp and a panel"));
      expect(blocks).toHaveLength(1);
      expect(await runAsPrinted(blocks, npx)).toEqual({
        said: expect.stringMatching(/^added lamp\npassword rd_\S+\nadded panel \(id \d+\)\nhome\/lamp\/state on\n$/),
        complaint: "",
        code: 0,
      });
    },
    60_000,
  );
}
