/** A MiniOICQ client that chooses every frame and may stop reading. Speaks JSON in text frames. */
import { inflateRawSync } from "node:zlib";
import { until } from "../support/deadline.ts";
import { dial } from "../support/line.ts";
import { compressed, fin, opcode, RawWebSocket } from "../support/raw-websocket.ts";
import type { Action } from "./client.ts";

export { compressed, fin, opcode } from "../support/raw-websocket.ts";

export class RawSocket extends RawWebSocket {
  readonly received: Action[] = [];

  static override connect(port: number, headers: Readonly<Record<string, string>> = {}): Promise<RawSocket> {
    return new RawSocket(dial(port)).upgrade("/ws", headers);
  }

  say(action: Readonly<Record<string, unknown>>): void {
    this.frame(opcode.text | fin, Buffer.from(JSON.stringify(action)));
  }

  async next(ms = 10_000): Promise<Action> {
    await until("a frame", () => this.received.length > 0 || this.ended, ms);
    const first = this.received.shift();
    if (first === undefined) throw new Error("closed while waiting for a frame");
    return first;
  }

  protected override take(first: number, payload: Buffer): void {
    if ((first & 0x0f) !== opcode.text) return;
    const text = (first & compressed) === 0 ? payload : inflateRawSync(payload, { finishFlush: 2 });
    this.received.push(JSON.parse(text.toString()) as Action);
  }
}
