/** What statements are built of: drizzle, and the tables that they name. Loaded by `late-drizzle.ts` alone. */
export { and, asc, desc, eq, gt, inArray, isNotNull, isNull, lte, notInArray, or, sql } from "drizzle-orm";
export { drizzle } from "drizzle-orm/bun-sqlite";
export {
  chats,
  contacts,
  devices,
  hourlyCounts,
  members,
  mqttDevices,
  mqttReceived,
  mqttSessions,
  mqttSubscriptions,
  phoneCodes,
  phoneSessions,
  profileCodes,
  profiles,
  scramKeys,
  serverKeys,
  tokenRuns,
  tokens,
  users,
} from "../schema.ts";
