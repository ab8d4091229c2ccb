/** How a request is told no: `<action>.fail` and why. */

import type { Body } from "../../outgoing/push.ts";
import type { Request } from "../actions.ts";

export function failed(request: Request, reason: string): Body {
  const clientId = request.action === "message.send" ? request.clientId : undefined;
  return { action: `${request.action}.fail`, reason, client_id: clientId };
}
