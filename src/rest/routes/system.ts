/** What a monitor asks (SPEC § 11): alive, ready and why not, which version. Nobody has to log in for it. */
import type { Handler, RouteParts } from "../context.ts";
import { json } from "../json.ts";

export function createSystemRoutes({ health, version }: RouteParts) {
  const healthz: Handler = async () => {
    const live = health.live();
    return json(JSON.stringify({ live }), live ? 200 : 503);
  };

  const readyz: Handler = async () => {
    const { ready, reasons } = health.readiness();
    return json(JSON.stringify({ ready, reasons }), ready ? 200 : 503);
  };

  const versionOf: Handler = async () => json(JSON.stringify({ version }));

  return { healthz, readyz, version: versionOf };
}
