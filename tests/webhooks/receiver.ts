/** Who is called: keeps what came, and answers as the test says. */
import { createHmac } from "node:crypto";
import { until } from "../support/deadline.ts";

export interface Delivery {
  readonly id: string;
  readonly timestamp: string;
  readonly signature: string;
  readonly text: string;
  readonly body: {
    readonly webhook: string;
    readonly offset: string;
    readonly type: "message" | "event";
    readonly message?: {
      readonly content: string;
      readonly chatID: string;
      readonly seq: number;
      readonly sender: string;
    };
    readonly event?: { readonly type: string; readonly chatID: string };
  };
}

export interface Receiver extends Disposable {
  readonly url: string;
  /** Those that were answered 2xx, in the order of their answers. */
  readonly taken: Delivery[];
  readonly refused: Delivery[];
  until(count: number): Promise<void>;
}

export function startReceiver(
  answer: (delivery: Delivery) => number | Response | Promise<number | Response> = () => 204,
): Receiver {
  const taken: Delivery[] = [];
  const refused: Delivery[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const text = await request.text();
      const header = (name: string) => request.headers.get(name) ?? "";
      const delivery: Delivery = {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signature: header("webhook-signature"),
        text,
        body: JSON.parse(text),
      };
      const given = await answer(delivery);
      const response = typeof given === "number" ? new Response(null, { status: given }) : given;
      (response.status < 300 ? taken : refused).push(delivery);
      return response;
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}/hook?from=roost`,
    taken,
    refused,
    until: (count) => until(`${count} deliveries`, () => taken.length >= count, 20_000),
    [Symbol.dispose]: () => void server.stop(true),
  };
}

/** By Standard Webhooks' own description. */
export function isSigned({ id, timestamp, signature, text }: Delivery, secret: string): boolean {
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const wanted = createHmac("sha256", key).update(`${id}.${timestamp}.${text}`).digest("base64");
  return signature === `v1,${wanted}`;
}

/** What a delivery is about, in a word. */
export const wordOf = ({ body }: Delivery): string =>
  body.message === undefined ? `${body.event?.type} ${body.event?.chatID}` : body.message.content;

/** Asks again and again, other work in between, until the answer is there. */
export async function eventually<Value>(what: string, ask: () => Promise<Value | undefined | false>): Promise<Value> {
  const endMs = performance.now() + 20_000;
  for (;;) {
    const value = await ask();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > endMs) throw new Error(`not in time: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
