/** `roost device add|list|set|passwd|revoke|may` */

import type { OperatorDevice } from "../ops/operator.ts";
import { Answered, CommandError, exitCodes } from "./exit.ts";
import { withOperator } from "./operator.ts";
import { type CommonOptions, configOf } from "./options.ts";
import { readPassword } from "./password.ts";
import { printJson, printLine, printTable } from "./print.ts";
import { onlyOne, type TopicOptions, textOf, topicsOf } from "./topics.ts";

interface AddOptions extends CommonOptions, TopicOptions {
  readonly user?: string;
  readonly certificate?: string;
  readonly passwordFile?: string;
  readonly chat?: readonly string[];
}

export async function addDevice(name: string, options: AddOptions): Promise<void> {
  const config = configOf(options);
  topicsOf(options);
  const { publish, subscribe, certificate, passwordFile, user } = options;
  const chats = options.chat?.map(chatOf);
  const chosen = passwordFile === undefined ? undefined : await readPassword(passwordFile);
  const { device, password } = await withOperator(config, (ask) =>
    ask("addDevice", {
      name,
      ...(chosen === undefined ? {} : { password: chosen }),
      ...(certificate === undefined ? {} : { certificate }),
      ...(publish === undefined ? {} : { publish: [...publish] }),
      ...(subscribe === undefined ? {} : { subscribe: [...subscribe] }),
      ...(user === undefined ? {} : { user }),
      ...(chats === undefined ? {} : { chats }),
    }),
  );
  if (options.json) {
    printJson({ device, ...(password === null ? {} : { password }) });
    return;
  }
  printLine(`added ${device.name}`);
  if (password !== null) printLine(`password ${password}`);
}

/** `KEY`, `KEY=read` or `KEY=write`. */
function chatOf(given: string): { chat: string; may?: "read" | "write" } {
  const [chat = "", may, ...more] = given.split("=");
  if (chat === "" || more.length > 0 || (may !== undefined && may !== "read" && may !== "write")) {
    throw new CommandError(exitCodes.usage, `"${given}" is no chat: give KEY, KEY=read or KEY=write`);
  }
  return may === undefined ? { chat } : { chat, may };
}

interface SetOptions extends CommonOptions, TopicOptions {
  readonly defaultTopics?: boolean;
  /** False: `--no-user`. */
  readonly user?: string | false;
}

/** Changes what is named; all else stays, the sessions and queues of the device too. */
export async function setDevice(name: string, options: SetOptions): Promise<void> {
  const config = configOf(options);
  const given = topicsOf(options);
  onlyOne({ "--publish or --subscribe": given !== undefined, "--default-topics": options.defaultTopics === true });
  const topics = options.defaultTopics ? null : given;
  const user = options.user === false ? null : options.user;
  if (topics === undefined && user === undefined) {
    throw new CommandError(
      exitCodes.usage,
      "nothing to change: give --publish, --subscribe, --default-topics, --user or --no-user",
    );
  }
  const { device } = await withOperator(config, (ask) =>
    ask("setDevice", { name, ...(topics === undefined ? {} : { topics }), ...(user === undefined ? {} : { user }) }),
  );
  if (options.json) printJson({ device });
  else printLine(`changed ${device.name}`);
}

export async function setDevicePassword(
  name: string,
  options: CommonOptions & { passwordFile?: string },
): Promise<void> {
  const config = configOf(options);
  const chosen = options.passwordFile === undefined ? undefined : await readPassword(options.passwordFile);
  const changed = await withOperator(config, (ask) =>
    ask("setDevicePassword", { name, ...(chosen === undefined ? {} : { password: chosen }) }),
  );
  const { password } = changed;
  if (options.json) {
    printJson({ name, ...(password === null ? {} : { password }) });
    return;
  }
  printLine(`the password of ${name} is changed; connections by the old one are closed`);
  if (password !== null) printLine(`password ${password}`);
}

const pageSize = 500;

export async function listDevices(options: CommonOptions): Promise<void> {
  const devices: OperatorDevice[] = [];
  await withOperator(configOf(options), async (ask) => {
    for (let after: string | null = ""; after !== null; ) {
      const page: { devices: readonly OperatorDevice[]; next: string | null } = await ask("listDevices", {
        after,
        limit: pageSize,
      });
      devices.push(...page.devices);
      after = page.next;
    }
  });
  if (options.json) {
    printJson({ devices });
    return;
  }
  const rows = devices.map((device) => [
    device.name,
    topicsText(device, device.publish),
    topicsText(device, device.subscribe),
    device.groups.join(" ") || "-",
    device.user ?? "-",
    device.chats.map(({ chat, may }) => (may === null ? chat : `${chat}=${may}`)).join(" ") || "-",
    device.certificate ?? "-",
    device.online ? "online" : "offline",
    device.last_seen ?? "-",
    device.created,
  ]);
  const head = [
    "NAME",
    "PUBLISH",
    "SUBSCRIBE",
    "GROUPS",
    "CHATS AS",
    "CHATS",
    "CERTIFICATE",
    "STATE",
    "LAST SEEN",
    "CREATED",
  ];
  printTable([head, ...rows]);
}

/** Without patterns of its own a member of a group may use those of the group alone. */
const topicsText = ({ groups }: OperatorDevice, patterns: readonly string[] | null): string =>
  patterns === null && groups.length > 0 ? "-" : textOf(patterns);

export async function revokeDevice(name: string, options: CommonOptions & { retained?: boolean }): Promise<void> {
  const { retained = false } = options;
  const revoked = await withOperator(configOf(options), (ask) => ask("revokeDevice", { name, retained }));
  if (options.json) printJson(revoked);
  else printLine(`revoked ${revoked.name}`);
}

/** A no is an answer: it is printed like a yes and ends with 1. */
export async function deviceMay(
  question: { name: string; action: "publish" | "subscribe"; topic: string },
  options: CommonOptions & { clientId?: string },
): Promise<void> {
  const { clientId } = options;
  const answer = await withOperator(configOf(options), (ask) =>
    ask("may", { ...question, ...(clientId === undefined ? {} : { client_id: clientId }) }),
  );
  if (options.json) printJson(answer);
  else printLine(`${answer.allowed ? "yes" : "no"}: ${answer.why}`);
  if (!answer.allowed) throw new Answered(exitCodes.failure);
}
