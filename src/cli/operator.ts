/** How a command reaches the data: through the running server, else by opening the store itself under the same lock. */
import type { Config } from "../config.ts";
import { requireDataFolder } from "../ops/data-folder.ts";
import type { OperatorAnswer, OperatorDetails, OperatorOp, OperatorResults } from "../ops/operator.ts";
import { askOperator, operatorSocketPath } from "../ops/operator-socket.ts";
import { CommandError, exitCodes } from "./exit.ts";

export type Ask = <Op extends OperatorOp>(op: Op, details: OperatorDetails[Op]) => Promise<OperatorResults[Op]>;

/** Gives `work` a way to ask. What the server refuses is thrown as a `CommandError`. */
export async function withOperator<Result>(config: Config, work: (ask: Ask) => Promise<Result>): Promise<Result> {
  requireDataFolder(config.data);
  const path = operatorSocketPath(config.data);
  // Asking for the key changes nothing: it only tells whether a server listens.
  if ((await askOperator(path, { op: "showKey" })) !== undefined) {
    return work(asker(async (request) => (await askOperator(path, request)) ?? gone));
  }
  const { openOffline } = await import("../server.ts");
  process.umask(0o077);
  const { handle, close } = await openOffline(config, (_, fields) => {
    const error = fields?.["error"];
    process.stderr.write(`roost: ${error instanceof Error ? error.stack : String(error)}\n`);
  });
  try {
    return await work(asker(handle));
  } finally {
    await close();
  }
}

const gone: OperatorAnswer = { ok: false, code: "stopping", message: "the server stopped meanwhile; try again" };

function asker(handle: (request: { op: OperatorOp }) => Promise<OperatorAnswer>): Ask {
  return async <Op extends OperatorOp>(op: Op, details: OperatorDetails[Op]) => {
    const answer = await handle({ ...details, op });
    if (!answer.ok) throw new CommandError(exitCodes.failure, answer.message);
    return answer.result as OperatorResults[Op]; // The answer to an operation is that operation's.
  };
}
