/** The store's contract on SQLite, with either durability. */
import { storeContract } from "./contract.ts";
import { openSqlite } from "./open-sqlite.ts";

storeContract("SQLite, commits on disk", () => openSqlite("disk"));
storeContract("SQLite, commits left to the operating system", () => openSqlite("os"));
