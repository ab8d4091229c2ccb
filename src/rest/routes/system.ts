/** What a monitor asks, and which key replies are verified with (docs/operations.md § Health). No log-in is needed for it. */
import { type Handler, own, type RouteParts } from "../context.ts";
import { json } from "../json.ts";
import { createMonitorAnswers } from "../monitor.ts";
import type { ReplyKey } from "../reply-key.ts";

export function createSystemRoutes({ replyKey, ...parts }: RouteParts & { replyKey: ReplyKey }) {
  const monitor = createMonitorAnswers(parts);
  const healthz: Handler = async () => monitor.healthz();
  const readyz: Handler = async () => monitor.readyz();
  const version: Handler = async () => monitor.version();

  /** The key that replies of the signed form are verified with (R35). */
  const publicKey: Handler = own(parts.log, async () =>
    json(JSON.stringify({ publicKey: await replyKey.publicKey(), algorithm: "RSA-SHA256" })),
  );

  return { publicKey, healthz, readyz, version };
}
