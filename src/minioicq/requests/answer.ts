/** What a request is answered with. */
import type { Sent } from "../../domain/model.ts";
import type { Body } from "../outgoing/push.ts";
import type { QueuedFrame } from "../outgoing/push-queue.ts";
import type { Frame } from "./codec.ts";

export type Answer =
  | { readonly is: "body"; readonly body: Body }
  /** Encoded already, since the answer is the same for others. */
  | { readonly is: "frame"; readonly frame: Frame }
  /** A send: the push of the message is the answer (O8). */
  | { readonly is: "sent"; readonly sent: Sent }
  /** The answer is one of the pushes that wait for this client. */
  | { readonly is: "queued"; readonly queued: QueuedFrame }
  /** Written after every push that waited for the client when the request's turn came. */
  | { readonly is: "fence"; readonly body: Body }
  | { readonly is: "none" }
  | { readonly is: "close"; readonly code: number; readonly reason: string };

export const answerWith = (body: Body): Answer => ({ is: "body", body });

/** A request is refused by `<action>.fail` and why. */
export const failed = (
  request: { readonly action: string; readonly clientId?: string | undefined },
  reason: string,
): Answer => answerWith({ action: `${request.action}.fail`, reason, client_id: request.clientId });
