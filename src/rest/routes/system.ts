/** What a monitor asks (SPEC § 11): alive, ready and why not, which version, which key. Nobody has to log in for it. */
import { type Handler, own, type RouteParts } from "../context.ts";
import { printable } from "../errors.ts";
import { json } from "../json.ts";
import type { ReplyKey } from "../reply-key.ts";

export function createSystemRoutes({ health, version, log, replyKey }: RouteParts & { replyKey: ReplyKey }) {
  const healthz: Handler = async () => {
    const live = health.live();
    return answer({ live }, live ? undefined : "the server is not live");
  };

  const readyz: Handler = async () => {
    const { ready, reasons } = health.readiness();
    return answer({ ready, reasons }, ready ? undefined : reasons.join("; "));
  };

  const versionOf: Handler = async () => answer({ version }, undefined);

  /** What replies of the signed form are verified with (R35). */
  const publicKey: Handler = own(log, async () =>
    json(JSON.stringify({ publicKey: await replyKey.publicKey(), algorithm: "RSA-SHA256" })),
  );

  return { publicKey, healthz, readyz, version: versionOf };
}

/** With `trouble` it is 503. */
function answer(body: object, trouble: string | undefined): Response {
  const response = json(JSON.stringify(body), trouble === undefined ? 200 : 503);
  if (trouble !== undefined) response.headers.set("X-Error-Detail", printable(trouble) || "not ready");
  return response;
}
