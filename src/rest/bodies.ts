/** The bodies that are being read: how many, and whether there is room for their bytes. */
import { networkOf } from "../lib/client-network.ts";
import { Refusal, tooMany } from "./errors.ts";
import type { BodyBudget, CallerOf } from "./memory.ts";

/** Smaller bodies are not counted: a request's head is as large. */
const countedFromBytes = 16 * 1024;

/** Bun holds a body to the length that its head announces. */
const isSmall = ({ headers }: Request): boolean => {
  const announced = headers.get("content-length");
  return announced !== null && Number(announced) <= countedFromBytes;
};

export class Bodies {
  /** Bodies that have not come as a whole. */
  underWay = 0;
  readonly #budget: BodyBudget;
  readonly #callerOf: CallerOf;
  readonly #addresses = new WeakMap<Request, string>();

  constructor(budget: BodyBudget, callerOf: CallerOf) {
    this.#budget = budget;
    this.#callerOf = callerOf;
  }

  /** Called for each request as it comes in. One that is made from another here counts for nothing. */
  from(request: Request, address: string): void {
    if (request.method !== "GET" && !isSmall(request)) this.#addresses.set(request, address);
  }

  /**
   * Reads a body for which `bytes` of room are needed. Throws a refusal where there is none: for its sender, for
   * all clients that are not known yet (`isStranger`), or for all.
   */
  async read<T>(request: Request, bytes: number, isStranger: boolean, read: () => Promise<T>): Promise<T> {
    this.underWay++;
    let give: (() => void) | undefined;
    try {
      if (bytes > countedFromBytes) give = await this.#takeRoom(request, bytes, isStranger);
      return await read();
    } finally {
      this.underWay--;
      give?.();
    }
  }

  /** Undefined for what is not counted. */
  async #takeRoom(request: Request, bytes: number, isStranger: boolean): Promise<(() => void) | undefined> {
    const address = this.#addresses.get(request);
    if (address === undefined) return undefined;
    const caller = isStranger ? undefined : await this.#callerOf(request);
    const network = networkOf(address);
    const sender = isStranger ? `strangers of ${network}` : caller === undefined ? network : caller.account;
    const give = this.#budget.takeBody({ sender, bytes, isStranger });
    if (give === undefined) throw new Refusal(tooMany, "too many bodies are under way, send it again later");
    return give;
  }
}
