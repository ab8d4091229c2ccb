/** `roost group add|list|rm|topics|members` */
import { CommandError, exitCodes } from "./exit.ts";
import { withOperator } from "./operator.ts";
import { type CommonOptions, configOf } from "./options.ts";
import { printJson, printLine, printTable } from "./print.ts";
import { type TopicOptions, textOf, topicsOf } from "./topics.ts";

export async function addGroup(name: string, options: CommonOptions & TopicOptions): Promise<void> {
  const config = configOf(options);
  const topics = topicsOf(options);
  if (topics === undefined) throw new CommandError(exitCodes.usage, "give the group patterns: --publish, --subscribe");
  const added = await withOperator(config, (ask) => ask("addGroup", { name, topics }));
  if (options.json) printJson(added);
  else printLine(`added ${name}; roost group members ${name} --add NAME gives it members`);
}

export async function listGroups(options: CommonOptions): Promise<void> {
  const { groups } = await withOperator(configOf(options), (ask) => ask("listGroups", {}));
  if (options.json) {
    printJson({ groups });
    return;
  }
  const rows = groups.map((group) => [group.name, textOf(group.publish), textOf(group.subscribe), group.created]);
  printTable([["NAME", "PUBLISH", "SUBSCRIBE", "CREATED"], ...rows]);
}

export async function removeGroup(name: string, options: CommonOptions): Promise<void> {
  const removed = await withOperator(configOf(options), (ask) => ask("removeGroup", { name }));
  if (options.json) printJson(removed);
  else printLine(`removed ${name}`);
}

export async function setGroup(name: string, options: CommonOptions & TopicOptions): Promise<void> {
  const config = configOf(options);
  const topics = topicsOf(options);
  if (topics === undefined) {
    throw new CommandError(exitCodes.usage, "give the patterns that replace the group's: --publish, --subscribe");
  }
  const changed = await withOperator(config, (ask) => ask("setGroup", { name, topics }));
  if (options.json) printJson(changed);
  else printLine(`the patterns of ${name} are replaced`);
}

const pageSize = 500;

/** Changes the members, or lists them where nothing is to change. */
export async function groupMembers(
  name: string,
  options: CommonOptions & { add?: readonly string[]; remove?: readonly string[] },
): Promise<void> {
  const { add = [], remove = [] } = options;
  const config = configOf(options);
  if (add.length + remove.length > 0) {
    const changed = await withOperator(config, (ask) =>
      ask("changeGroupMembers", { name, add: [...add], remove: [...remove] }),
    );
    if (options.json) printJson(changed);
    else printLine(`the members of ${name} are changed`);
    return;
  }
  const members: { kind: string; name: string }[] = [];
  await withOperator(config, async (ask) => {
    for (let after: string | null = ""; after !== null; ) {
      const page: { members: readonly { kind: string; name: string }[]; next: string | null } = await ask(
        "listGroupMembers",
        { name, after, limit: pageSize },
      );
      members.push(...page.members);
      after = page.next;
    }
  });
  if (options.json) printJson({ members });
  else printTable([["NAME", "KIND"], ...members.map((member) => [member.name, member.kind])]);
}
