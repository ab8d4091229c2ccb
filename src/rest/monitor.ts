/**
 * What a monitor asks (docs/operations.md § Health): alive, ready or why not, which version. It needs no log-in and
 * none of the routes.
 */
import type { RestParts } from "./context.ts";
import { printable } from "./errors.ts";
import { json } from "./json.ts";

export function createMonitorAnswers({ health, version }: Pick<RestParts, "health" | "version">) {
  const healthz = (): Response => {
    const live = health.live();
    return answer({ live }, live ? undefined : "the server is not live");
  };

  const readyz = (): Response => {
    const { ready, reasons, warnings } = health.readiness();
    return answer({ ready, reasons, ...(warnings.length > 0 && { warnings }) }, ready ? undefined : reasons.join("; "));
  };

  return { healthz, readyz, version: (): Response => answer({ version }, undefined) };
}

/** With `trouble` the status is 503. */
function answer(body: object, trouble: string | undefined): Response {
  const response = json(JSON.stringify(body), trouble === undefined ? 200 : 503);
  if (trouble !== undefined) response.headers.set("X-Error-Detail", printable(trouble) || "not ready");
  return response;
}
