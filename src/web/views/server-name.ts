/** What the server is called. */
import type { Model } from "../state/model.ts";

/** The page has the name too, so it is known before there is a line. */
const nameOfPage = typeof document === "undefined" ? "" : document.title;

export const serverName = (model: Model): string => model.server.value?.name ?? nameOfPage;
