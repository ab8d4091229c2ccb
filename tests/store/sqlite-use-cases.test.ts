/** The use cases' part of the contract on SQLite. */
import { useCaseContract } from "./contract.ts";
import { openSqlite } from "./open-sqlite.ts";

useCaseContract("SQLite", () => openSqlite("os"));
