/** The worked example of docs/protocols/rest.md, run as it is written there: a shell, curl and openssl. */
import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { requireProgram } from "../support/programs.ts";
import { startTestServer } from "../support/server.ts";

const page = readFileSync(new URL("../../docs/protocols/rest.md", import.meta.url), "utf8");

test("the worked example does what the page says", async () => {
  if (!["bash", "curl", "openssl"].map(requireProgram).every(Boolean)) return;
  const [, example = ""] = page.split("## A worked example");
  const blocks = [...example.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, script]) => script);
  expect(blocks).toHaveLength(5);
  await using server = await startTestServer();
  const folder = mkdtempSync(join(tmpdir(), "roost-example-"));
  try {
    const child = Bun.spawn(["bash", "-euo", "pipefail", "-c", blocks.join("\n")], {
      cwd: folder,
      env: { PATH: process.env["PATH"], KEY: server.backendKey, URL: `http://${server.http}`, LC_ALL: "C" },
      stdout: "pipe",
      stderr: "pipe",
    });
    const [said, complaint, code] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    expect([code, complaint]).toEqual([0, ""]);
    const [sent, fetched, verified, confirmed, told, ...rest] = said.split("\n");
    expect(rest).toEqual([]);
    expect(sent).toMatch(/^\{"outgoingEventsResult":\{"messages":\[\{"clientHash":"anna-1",/);
    const [message] = JSON.parse(fetched ?? "").incomingEvents.messages;
    expect(message).toMatchObject({ messageText: "Hello, Ben", chatID: "team" });
    expect(verified).toBe("Verified OK");
    expect(confirmed).toMatch(/^\{"outgoingEventsResult":\{"messages":\[\],"statuses":\["ben-1"\]\}/);
    const { statuses } = JSON.parse(told ?? "").incomingEvents;
    expect(statuses).toMatchObject([{ type: "delivered", messageIDStatus: message.messageID }]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
