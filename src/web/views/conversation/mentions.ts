/** Naming a member by `@` while one writes. */
import type { Id, Person } from "../../state/model.ts";

/** The word behind an `@` before the cursor, and where the `@` stands; undefined where one names no one. */
export function mentionAt(text: string, cursor: number): { readonly at: number; readonly query: string } | undefined {
  const before = text.slice(Math.max(0, cursor - 64), cursor);
  const found = /(?:^|[^\p{L}\p{N}])@([^@\n]{0,40})$/u.exec(before);
  const query = found?.[1];
  if (query === undefined || /\s\s|^\s/.test(query)) return undefined;
  return { at: cursor - query.length - 1, query };
}

/** At most six members of whose name a word begins with `query`. */
export function membersFor(query: string, members: readonly Person[], ownId: Id | undefined): Person[] {
  const wanted = query.toLocaleLowerCase();
  return members
    .filter(({ userId, name }) => {
      if (userId === ownId || name === "") return false;
      const lower = name.toLocaleLowerCase();
      return lower.startsWith(wanted) || lower.includes(` ${wanted}`);
    })
    .slice(0, 6);
}

/** Whom the text names still: of those who were chosen, the ones whose `@name` stands in it. */
export function mentionsIn(text: string, chosen: ReadonlyMap<Id, string>): Id[] {
  return [...chosen].filter(([, name]) => text.includes(`@${name}`)).map(([userId]) => userId);
}
