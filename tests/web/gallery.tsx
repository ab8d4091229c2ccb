/** The client over the fake model, for tests that look at views. */
import { showClient } from "../../src/web/views/app.tsx";
import { createFakeModel, type FakeModel } from "./fake-model.ts";

declare global {
  interface Window {
    fake: FakeModel;
  }
}

window.fake = createFakeModel();
const place = document.getElementById("app");
if (place !== null) showClient(window.fake, place);
