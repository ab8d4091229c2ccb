/** The store's contract on SQLite, where every commit is on the disk before it is answered. */
import { storeContract } from "./contract.ts";
import { openSqlite } from "./open-sqlite.ts";

storeContract("SQLite, commits on disk", () => openSqlite("disk"));
