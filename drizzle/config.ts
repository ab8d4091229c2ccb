import { defineConfig } from "drizzle-kit";

/** `bun run migrate:generate` compares the schema with the last snapshot and writes the next NNNN_name.sql beside this file. */
export default defineConfig({
  dialect: "sqlite",
  schema: "./src/store/sqlite/schema.ts",
  out: "./drizzle",
});
