/** Counts what a decoder builds against its limits. */
import type { TermLimits } from "./limits.ts";
import { TermError } from "./term.ts";

export class Budget {
  readonly limits: TermLimits;
  #elementsLeft: number;
  #depth = 0;

  constructor(limits: TermLimits) {
    this.limits = limits;
    this.#elementsLeft = limits.elementsMax;
  }

  /** Counts one more value. */
  element(): void {
    this.#elementsLeft -= 1;
    if (this.#elementsLeft < 0) throw new TermError("too many values");
  }

  /** Checks a claim of `count` values where `bytesLeft` remain: each value takes at least one byte. */
  claim(count: number, bytesLeft: number): void {
    if (count > bytesLeft) throw new TermError("cut short");
    if (count > this.#elementsLeft) throw new TermError("too many values");
  }

  enter(): void {
    this.#depth += 1;
    if (this.#depth > this.limits.depthMax) throw new TermError("nested too deep");
  }

  leave(): void {
    this.#depth -= 1;
  }

  binaryBytes(count: number): void {
    if (count > this.limits.binaryBytesMax) throw new TermError("a binary too long");
  }
}
