/** `roost user add|list|show|login-name|passwd|disable|enable|rm|invite|topics|trust` */
import { replaceControls } from "../lib/control-characters.ts";
import type { OperatorUser } from "../ops/operator.ts";
import { CommandError, exitCodes } from "./exit.ts";
import { withOperator } from "./operator.ts";
import { type CommonOptions, configOf, wholeNumber } from "./options.ts";
import { readPassword } from "./password.ts";
import { printJson, printLine, printTable } from "./print.ts";
import { onlyOne, type TopicOptions, textOf, topicsOf } from "./topics.ts";

interface PasswordOptions extends CommonOptions {
  readonly passwordFile?: string;
}

export async function addUser(username: string, options: PasswordOptions & { nick?: string }): Promise<void> {
  const config = configOf(options);
  const password = await readPassword(options.passwordFile);
  const nick = options.nick ?? username;
  const { user } = await withOperator(config, (ask) => ask("addUser", { username, nick, password }));
  if (options.json) printJson({ user });
  else printLine(`added ${nameOf(user)}`);
}

export async function showUser(name: string, options: CommonOptions): Promise<void> {
  const { user, disk_bytes: bytes } = await withOperator(configOf(options), (ask) => ask("showUser", { user: name }));
  if (options.json) {
    printJson({ user, disk_bytes: bytes });
    return;
  }
  printTable([
    ["ID", String(user.user_id)],
    ["USERNAME", user.username ?? "-"],
    ["LOG-IN NAME", loginNameOf(user)],
    ["NICK", user.nick],
    ["STATE", stateOf(user)],
    ["MADE BY", user.made_by],
    ["CREATED", user.created],
    ["LAST SEEN", user.last_seen ?? "-"],
    ["DISK", `${bytes} bytes`],
  ]);
}

export async function setLoginName(
  name: string,
  loginName: string | undefined,
  options: CommonOptions & { remove?: boolean },
): Promise<void> {
  const { remove = false } = options;
  if (remove === (loginName !== undefined)) throw new CommandError(exitCodes.usage, "give a log-in name, or --remove");
  const { user } = await withOperator(configOf(options), (ask) =>
    ask("setLoginName", { user: name, login_name: loginName ?? null }),
  );
  if (options.json) printJson({ user });
  else
    printLine(`${nameOf(user)} ${loginName === undefined ? "has no log-in name" : `logs in by the name ${loginName}`}`);
}

export async function setPassword(
  name: string,
  options: PasswordOptions & { all?: boolean; keep?: boolean },
): Promise<void> {
  const config = configOf(options);
  const { all = false, keep = false } = options;
  onlyOne({ "--all": all, "--keep": keep });
  const end = all ? "all" : keep ? "none" : "own";
  const password = await readPassword(options.passwordFile);
  const { user } = await withOperator(config, (ask) => ask("setPassword", { user: name, password, end }));
  if (options.json) printJson({ user });
  else printLine(`the password of ${nameOf(user)} is changed; ${endsOf[end]}`);
}

const endsOf = {
  own: "all log-ins and long-lived tokens have ended, and the tokens that the account made for itself",
  all: "all log-ins and tokens have ended",
  none: "log-ins and tokens stay",
};

export async function setUserDisabled(name: string, disabled: boolean, options: CommonOptions): Promise<void> {
  const { user } = await withOperator(configOf(options), (ask) => ask("setUserDisabled", { user: name, disabled }));
  if (options.json) printJson({ user });
  else printLine(`${nameOf(user)} is ${disabled ? "disabled" : "enabled"}`);
}

export async function removeUser(name: string, options: CommonOptions & { retained?: boolean }): Promise<void> {
  const { retained = false } = options;
  const { user } = await withOperator(configOf(options), (ask) => ask("removeUser", { user: name, retained }));
  if (options.json) printJson({ user });
  else printLine(`removed ${nameOf(user)}`);
}

interface UserTopicOptions extends CommonOptions, TopicOptions {
  readonly clear?: boolean;
  readonly none?: boolean;
}

/** Replaces or removes the user's own patterns, or shows what the user may do. */
export async function userTopics(name: string, options: UserTopicOptions): Promise<void> {
  const config = configOf(options);
  const given = topicsOf(options);
  const { clear = false, none = false } = options;
  const way = onlyOne({ "--publish or --subscribe": given !== undefined, "--clear": clear, "--none": none });
  if (way === undefined) return showTopics(name, options);
  const withClientId = [...(given?.publish ?? []), ...(given?.subscribe ?? [])].find((one) => one.includes("%c"));
  if (withClientId !== undefined) {
    throw new CommandError(exitCodes.usage, `${withClientId}: %c is for devices; a user's pattern may have %u`);
  }
  const topics = clear ? null : (given ?? { publish: [], subscribe: [] });
  const { user } = await withOperator(config, (ask) => ask("setUserTopics", { user: name, topics }));
  if (options.json) printJson({ user });
  else printLine(`the topics of ${nameOf(user)} are ${clear ? "those that the account has without patterns" : "set"}`);
}

/** The user sets a new password by the code, so the operator never knows it. */
export async function resetUser(name: string, options: CommonOptions): Promise<void> {
  const { user, code, expires } = await withOperator(configOf(options), (ask) => ask("resetUser", { user: name }));
  if (options.json) {
    printJson({ user, code, expires });
    return;
  }
  printLine(`code ${code}`);
  printLine(`${nameOf(user)} sets a new password by it once, until ${expires}, and is logged out everywhere then`);
}

async function showTopics(name: string, options: CommonOptions): Promise<void> {
  const shown = await withOperator(configOf(options), (ask) => ask("userTopics", { user: name }));
  if (options.json) {
    printJson(shown);
    return;
  }
  const { user, topics, groups } = shown;
  const byDefault = user.made_by === "operator" ? "all topics" : "no topics";
  printLine(`${nameOf(user)}, made by: ${user.made_by}`);
  if (topics === null && groups.length === 0) {
    printLine(`has no patterns and may use ${byDefault} outside the reserved prefixes`);
    return;
  }
  const rows = groups.map((group) => [`group ${group.name}`, textOf(group.publish), textOf(group.subscribe)]);
  if (topics !== null) rows.unshift(["own", textOf(topics.publish), textOf(topics.subscribe)]);
  printTable([["PATTERNS", "PUBLISH", "SUBSCRIBE"], ...rows]);
}

export async function trustUser(name: string, options: CommonOptions): Promise<void> {
  const { user } = await withOperator(configOf(options), (ask) => ask("trustUser", { user: name }));
  if (options.json) printJson({ user });
  else printLine(`${nameOf(user)} counts as made by the operator: all MQTT topics, unless patterns say otherwise`);
}

export async function invite(options: CommonOptions & { uses?: string; days?: string }): Promise<void> {
  const config = configOf(options);
  const details = {
    ...(options.uses === undefined ? {} : { uses: wholeNumber("--uses", options.uses) }),
    ...(options.days === undefined ? {} : { days: wholeNumber("--days", options.days) }),
  };
  const { code, uses, expires, registration } = await withOperator(config, (ask) => ask("invite", details));
  const link = `/#invite=${code}`;
  if (options.json) {
    printJson({ invite: code, link, uses, expires, registration });
    return;
  }
  printLine(code);
  printLine(
    `for ${uses === 1 ? "one person" : `${uses} people`} until ${expires}; as a link: this server's address and ${link}`,
  );
  if (registration !== "invite") {
    process.stderr.write(`registration is ${registration}: invitations are asked for with registration = "invite"\n`);
  }
}

/** Nicks come from strangers: their control characters are shown as �. */
const nameOf = (user: OperatorUser): string => `${replaceControls(user.username ?? user.nick)} (id ${user.user_id})`;

const loginNameOf = ({ login_name: name, login_name_taken: taken }: OperatorUser): string =>
  name === null ? "-" : taken ? `${name} (taken by another account)` : name;

const stateOf = (user: OperatorUser): string => (user.disabled ? "disabled" : user.online ? "online" : "offline");

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
    loginNameOf(user),
    user.nick,
    stateOf(user),
    user.made_by,
    user.last_seen ?? "-",
  ]);
  printTable([["ID", "USERNAME", "LOG-IN NAME", "NICK", "STATE", "MADE BY", "LAST SEEN"], ...rows]);
  if (next !== null) process.stderr.write(`more with --after ${next}\n`);
}
