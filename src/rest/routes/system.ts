/** What a monitor asks (SPEC § 11): alive, ready and why not, which version, which key. Nobody has to log in for it. */
import { type Handler, own, type RouteParts } from "../context.ts";
import { json } from "../json.ts";
import type { ReplyKey } from "../reply-key.ts";

export function createSystemRoutes({ health, version, log, replyKey }: RouteParts & { replyKey: ReplyKey }) {
  const healthz: Handler = async () => {
    const live = health.live();
    return json(JSON.stringify({ live }), live ? 200 : 503);
  };

  const readyz: Handler = async () => {
    const { ready, reasons } = health.readiness();
    return json(JSON.stringify({ ready, reasons }), ready ? 200 : 503);
  };

  const versionOf: Handler = async () => json(JSON.stringify({ version }));

  /** What replies of the signed form are verified with (R35). */
  const publicKey: Handler = own(log, async () =>
    json(JSON.stringify({ publicKey: await replyKey.publicKey(), algorithm: "RSA-SHA256" })),
  );

  return { publicKey, healthz, readyz, version: versionOf };
}
