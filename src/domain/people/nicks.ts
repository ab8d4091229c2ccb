/** The name by which others see a user. It need not be unique, and no one is found or named by it alone. */
import { nickCharactersMax } from "../bounds.ts";
import { DomainError } from "../errors.ts";
import type { UserId } from "../model.ts";
import type { Store } from "../store.ts";

export type Nicks = ReturnType<typeof createNicks>;

export function createNicks({ store }: { store: Pick<Store, "setNick"> }) {
  return {
    /** Gives the nick as it is kept. Throws `invalid_name`, `user_disabled`. */
    async set(userId: UserId, given: string): Promise<string> {
      const nick = given.trim();
      if (nick === "" || nick.length > 2 * nickCharactersMax || [...nick].length > nickCharactersMax) {
        throw new DomainError("invalid_name", `a nick has 1 to ${nickCharactersMax} characters`);
      }
      await store.setNick(userId, nick);
      return nick;
    },
  };
}
