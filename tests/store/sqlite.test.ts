/** The store's contract on SQLite, where commits are left to the operating system. */
import { storeContract } from "./contract.ts";
import { openSqlite } from "./open-sqlite.ts";

storeContract("SQLite, commits left to the operating system", () => openSqlite("os"));
