/** Where the client starts in the browser: puts its parts together and shows them. */
import { render } from "preact";
import { installWorker } from "./installation.ts";
import { createModel } from "./state/create-model.ts";
import type { Model } from "./state/model.ts";

/** What is shown until there is more: the server's name, and whether there is a line to it. */
const Page = ({ model }: { model: Model }) => (
  <main>
    <h1>{model.server.value?.name ?? ""}</h1>
    <p role="status">{model.line.value}</p>
  </main>
);

const place = document.getElementById("app");
if (place === null) throw new Error("the page has no place for the client");
render(<Page model={await createModel()} />, place);
void installWorker();
