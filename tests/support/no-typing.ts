/** For doors whose clients do not type. */
import type { Typing } from "../../src/delivery/typing.ts";
import { DomainError } from "../../src/domain/errors.ts";

export const noTyping: Pick<Typing, "set"> = {
  async set() {
    throw new DomainError("chat_not_found");
  },
};
