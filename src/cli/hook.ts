/** `roost hook add|list|rm` */
import type { OperatorHook } from "../ops/operator.ts";
import { withOperator } from "./operator.ts";
import { type CommonOptions, configOf, wholeNumber } from "./options.ts";
import { printJson, printLine, printTable } from "./print.ts";

export async function addHook(chat: string, options: CommonOptions & { name?: string }): Promise<void> {
  const { name } = options;
  const { hook, path } = await withOperator(configOf(options), (ask) =>
    ask("addHook", { chat, ...(name === undefined ? {} : { name }) }),
  );
  if (options.json) {
    printJson({ hook, path });
    return;
  }
  printLine(`added ${hook.hook_id} (${hook.name}) to ${hook.chat}`);
  printLine(`address ${path}`);
}

const pageSize = 500;

export async function listHooks(chat: string | undefined, options: CommonOptions): Promise<void> {
  const hooks: OperatorHook[] = [];
  await withOperator(configOf(options), async (ask) => {
    for (let after: number | null = 0; after !== null; ) {
      const page: { hooks: readonly OperatorHook[]; next: number | null } = await ask("listHooks", {
        ...(chat === undefined ? {} : { chat }),
        after,
        limit: pageSize,
      });
      hooks.push(...page.hooks);
      after = page.next;
    }
  });
  if (options.json) {
    printJson({ hooks });
    return;
  }
  const rows = hooks.map((hook) => [String(hook.hook_id), hook.chat, hook.name, hook.created]);
  printTable([["HOOK", "CHAT", "NAME", "CREATED"], ...rows]);
}

export async function removeHook(hookId: string, options: CommonOptions): Promise<void> {
  const id = wholeNumber("the hook's id", hookId);
  const removed = await withOperator(configOf(options), (ask) => ask("removeHook", { hook_id: id }));
  if (options.json) printJson(removed);
  else printLine(`removed ${removed.hook_id} from ${removed.chat}`);
}
