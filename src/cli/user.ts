/** `roost user add|list|passwd|disable|enable|rm|invite` */
import type { OperatorUser } from "../ops/operator.ts";
import { CommandError, exitCodes } from "./exit.ts";
import { withOperator } from "./operator.ts";
import { type CommonOptions, configOf } from "./options.ts";
import { readPassword } from "./password.ts";
import { printJson, printLine, printTable } from "./print.ts";

interface PasswordOptions extends CommonOptions {
  readonly passwordFile?: string;
}

export async function addUser(username: string, options: PasswordOptions & { nick?: string }): Promise<void> {
  const config = configOf(options);
  const password = await readPassword(options.passwordFile);
  const nick = options.nick ?? username;
  const { user } = await withOperator(config, (ask) => ask("addUser", { username, nick, password }));
  if (options.json) printJson({ user });
  else printLine(`added ${user.username ?? user.nick} (id ${user.user_id})`);
}

export async function setPassword(name: string, options: PasswordOptions): Promise<void> {
  const config = configOf(options);
  const password = await readPassword(options.passwordFile);
  const { user } = await withOperator(config, (ask) => ask("setPassword", { user: name, password }));
  if (options.json) printJson({ user });
  else printLine(`the password of ${user.username ?? user.nick} (id ${user.user_id}) is changed`);
}

export async function setUserDisabled(name: string, disabled: boolean, options: CommonOptions): Promise<void> {
  const { user } = await withOperator(configOf(options), (ask) => ask("setUserDisabled", { user: name, disabled }));
  if (options.json) printJson({ user });
  else printLine(`${nameOf(user)} is ${disabled ? "disabled" : "enabled"}`);
}

export async function removeUser(name: string, options: CommonOptions): Promise<void> {
  const { user } = await withOperator(configOf(options), (ask) => ask("removeUser", { user: name }));
  if (options.json) printJson({ user });
  else printLine(`removed ${nameOf(user)}`);
}

export async function invite(options: CommonOptions & { uses?: string; days?: string }): Promise<void> {
  const config = configOf(options);
  const details = {
    ...(options.uses === undefined ? {} : { uses: wholeNumber("--uses", options.uses) }),
    ...(options.days === undefined ? {} : { days: wholeNumber("--days", options.days) }),
  };
  const { code, uses, expires } = await withOperator(config, (ask) => ask("invite", details));
  const link = `/#invite=${code}`;
  if (options.json) {
    printJson({ invite: code, link, uses, expires, registration: config.registration });
    return;
  }
  printLine(code);
  printLine(
    `for ${uses === 1 ? "one person" : `${uses} people`} until ${expires}; as a link: this server's address and ${link}`,
  );
  if (config.registration !== "invite") {
    process.stderr.write(
      `registration is ${config.registration}: invitations are asked for with registration = "invite"\n`,
    );
  }
}

/** Nicks come from strangers: their control characters are shown as �. */
const nameOf = (user: OperatorUser): string =>
  `${(user.username ?? user.nick).replace(/\p{Cc}|\p{Cf}/gu, "�")} (id ${user.user_id})`;

const pageSize = 500;

export async function listUsers(options: CommonOptions & { after?: string; limit?: string }): Promise<void> {
  let after = options.after === undefined ? 0 : wholeNumber("--after", options.after);
  let wanted = options.limit === undefined ? Number.POSITIVE_INFINITY : wholeNumber("--limit", options.limit);
  const users: OperatorUser[] = [];
  let next: number | null = null;
  await withOperator(configOf(options), async (ask) => {
    while (wanted > 0) {
      const page = await ask("listUsers", { after, limit: Math.min(pageSize, wanted) });
      users.push(...page.users);
      wanted -= page.users.length;
      next = page.next;
      if (next === null) return;
      after = next;
    }
  });
  if (options.json) {
    printJson({ users, next });
    return;
  }
  const rows = users.map((user) => [
    String(user.user_id),
    user.username ?? "-",
    user.nick,
    user.disabled ? "disabled" : user.online ? "online" : "offline",
    user.last_seen ?? "-",
  ]);
  printTable([["ID", "USERNAME", "NICK", "STATE", "LAST SEEN"], ...rows]);
  if (next !== null) process.stderr.write(`more with --after ${next}\n`);
}

function wholeNumber(flag: string, text: string): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  if (value < 1) throw new CommandError(exitCodes.usage, `${flag}: "${text}" is not a whole number above 0`);
  return value;
}
