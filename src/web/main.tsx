/** Where the client starts in the browser: puts its parts together and shows them. */
import { installWorker } from "./installation.ts";
import { createModel } from "./state/create-model.ts";
import { showClient } from "./views/app.tsx";

const place = document.getElementById("app");
if (place === null) throw new Error("the page has no place for the client");
showClient(await createModel(), place);
void installWorker();
