/**
 * What authenticates a delivery: the three headers of Standard Webhooks (standardwebhooks.com). The signature is
 * HMAC-SHA256, in base64, over `<id>.<timestamp>.<body>`. The key is the bytes written in base64 after `whsec_`.
 */
import { createHmac, randomBytes } from "node:crypto";

const prefix = "whsec_";

export const newWebhookSecret = (): string => `${prefix}${randomBytes(32).toString("base64")}`;

export function signedHeaders(
  { id, nowMs, secret }: { id: string; nowMs: number; secret: string },
  body: Uint8Array,
): Record<string, string> {
  const timestamp = String(Math.floor(nowMs / 1000));
  const key = Buffer.from(secret.slice(prefix.length), "base64");
  const signature = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest("base64");
  return { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": `v1,${signature}` };
}
