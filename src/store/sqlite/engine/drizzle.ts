/** What reads of whole rows are built of: Drizzle, and the tables that they name. Loaded by `late-drizzle.ts` alone. */
export { and, asc, desc, eq, gt, inArray, isNotNull, isNull, or, sql } from "drizzle-orm";
export { drizzle } from "drizzle-orm/bun-sqlite";
export {
  chats,
  contacts,
  devices,
  members,
  phoneSessions,
  profiles,
  scramKeys,
  tokens,
  users,
} from "../schema.ts";
