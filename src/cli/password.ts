/**
 * Passwords come from a prompt without echo, from standard input or from a file; never from the command line, where
 * every user of the machine could read them.
 */
import { readFileSync } from "node:fs";
import { CommandError, exitCodes } from "./exit.ts";

const inputBytesMax = 64 * 1024;

/** The first line of `file` (`-` is standard input), or what is typed twice at a terminal. */
export async function readPassword(file: string | undefined): Promise<string> {
  const { stdin } = process;
  const password =
    file !== undefined && file !== "-"
      ? firstLine(readPasswordFile(file))
      : file === undefined && stdin.isTTY
        ? await prompt()
        : firstLine(await readInput());
  if (password === "") throw new CommandError(exitCodes.usage, "the password is empty");
  return password;
}

const firstLine = (text: string): string => text.split(/\r?\n/, 1)[0] ?? "";

function readPasswordFile(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandError(exitCodes.usage, `the password file cannot be read: ${reason}`);
  }
}

async function readInput(): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of Bun.stdin.stream()) {
    chunks.push(chunk);
    bytes += chunk.byteLength;
    if (bytes > inputBytesMax) throw new CommandError(exitCodes.usage, "the password on standard input is too long");
    if (chunk.includes(0x0a)) break; // One line is enough; the other end may stay open.
  }
  return Buffer.concat(chunks).toString("utf8");
}

async function prompt(): Promise<string> {
  const password = await askHidden("Password: ");
  if (password !== (await askHidden("Once more: "))) {
    throw new CommandError(exitCodes.usage, "the two passwords are not the same; nothing was changed");
  }
  return password;
}

/** Reads a line from the terminal in raw mode, where nothing typed is shown. */
function askHidden(question: string): Promise<string> {
  const { stdin, stderr } = process;
  // First silence, then the question: an answer that comes at once must not be echoed.
  stdin.setRawMode(true);
  stderr.write(question);
  stdin.setEncoding("utf8");
  stdin.resume();
  return new Promise((resolve, reject) => {
    let typed: string[] = [];
    const finish = (settle: () => void): void => {
      stdin.off("data", onData);
      stdin.setRawMode(false);
      stdin.pause();
      stderr.write("\n");
      settle();
    };
    const onData = (text: string): void => {
      for (const character of text) {
        if (character === "\r" || character === "\n") {
          finish(() => resolve(typed.join("")));
          return;
        }
        if (character === "\u0003" || character === "\u0004") {
          finish(() => reject(new CommandError(exitCodes.failure, "given up; nothing was changed")));
          return;
        }
        if (character === "\u007f" || character === "\b") typed.pop();
        else if (character === "\u0015") typed = [];
        else typed.push(character);
      }
    };
    stdin.on("data", onData);
  });
}
