/** How a request is told no: `<action>.fail` and why. */
import type { Request } from "../actions.ts";
import type { Body } from "../push.ts";

export function failed(request: Request, reason: string): Body {
  const clientId = request.action === "message.send" ? request.clientId : undefined;
  return { action: `${request.action}.fail`, reason, client_id: clientId };
}
