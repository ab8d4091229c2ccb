/** `roost clients`, `roost clients end` */
import type { OperatorClient } from "../ops/clients.ts";
import { Answered, exitCodes } from "./exit.ts";
import { withOperator } from "./operator.ts";
import { type CommonOptions, configOf, wholeNumber } from "./options.ts";
import { printJson, printLine, printTable } from "./print.ts";

const pageSize = 1000;

export async function listClients(options: CommonOptions & { of?: string; limit?: string }): Promise<void> {
  const { of } = options;
  const wanted = options.limit === undefined ? Number.POSITIVE_INFINITY : wholeNumber("--limit", options.limit);
  const clients: OperatorClient[] = [];
  await withOperator(configOf(options), async (ask) => {
    for (let after: number | null = 0; after !== null && clients.length < wanted; ) {
      const page: { clients: readonly OperatorClient[]; next: number | null } = await ask("listClients", {
        ...(of === undefined ? {} : { of }),
        after,
        limit: Math.min(pageSize, wanted - clients.length),
      });
      clients.push(...page.clients);
      after = page.next;
    }
  });
  if (options.json) {
    printJson({ clients });
    return;
  }
  const rows = clients.map((client) => [
    client.door,
    client.user ?? (client.device === null ? "(none)" : `device ${client.device}`),
    client.client_id ?? "-",
    client.address,
    client.since ?? "-",
    client.last_packet ?? "-",
    textOf(client.subscriptions),
    textOf(client.queued),
    client.protocol,
  ]);
  printTable([
    ["DOOR", "ACCOUNT", "CLIENT", "ADDRESS", "SINCE", "LAST PACKET", "SUBSCRIPTIONS", "QUEUED", "PROTOCOL"],
    ...rows,
  ]);
}

const textOf = (count: number | null): string => (count === null ? "-" : String(count));

/** Where one of the names has no client, that is said, and ends with 1. */
export async function endClients(names: readonly string[], options: CommonOptions): Promise<void> {
  const { ended } = await withOperator(configOf(options), (ask) => ask("endClients", { names: [...names] }));
  if (options.json) printJson({ ended });
  else {
    for (const { name, clients } of ended) {
      printLine(`${name}: ${clients === 0 ? "no client is connected" : `ended ${clients}`}`);
    }
  }
  if (ended.some(({ clients }) => clients === 0)) throw new Answered(exitCodes.failure);
}
