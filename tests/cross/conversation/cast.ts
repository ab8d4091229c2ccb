/** The people of histories. */

import { people } from "./model.ts";
import type { Wires } from "./wires.ts";
import type { Person } from "./words.ts";

const castsAtOnce = 32;

/** Makes the people of histories, many at once. */
export class Cast {
  readonly #name: string;
  readonly #ready: Person[][] = [];
  #count = 0;

  constructor(name: string) {
    this.#name = name;
  }

  async next(wires: Wires): Promise<Person[]> {
    if (this.#ready.length === 0) await this.#make(wires);
    return this.#ready.shift() ?? [];
  }

  async #make({ call, backendKey: as }: Wires): Promise<void> {
    const userIDs = Array.from({ length: castsAtOnce }, () => {
      this.#count += 1;
      return people.map((one) => `${this.#name}${this.#count}.${one}`);
    });
    const body = userIDs.flat().map((userID) => ({ userID }));
    const made = await call("POST /token", { as, body });
    if (made.status !== 201) throw new Error(`POST /token: ${made.status} ${made.text}`);
    const tokens = (JSON.parse(made.text) as { accessToken: string }[]).map(({ accessToken }) => accessToken);
    const everyone: Person[] = [];
    for (const [at, { userID }] of body.entries()) {
      const token = tokens[at] ?? "";
      const { text } = await call("GET /users/me", { as: token });
      everyone.push({ userID, token, userId: (JSON.parse(text) as { user_id: string }).user_id });
    }
    while (everyone.length > 0) this.#ready.push(everyone.splice(0, people.length));
  }
}
