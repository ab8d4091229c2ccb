/** The whole client: before the log-in the way in, after it the panes. */
import { render } from "preact";
import { useEffect } from "preact/hooks";
import type { Model } from "../state/model.ts";
import { Entry } from "./entry/entry.tsx";
import { late } from "./late.ts";
import { ModelContext, useModel } from "./model-context.ts";
import { Mark } from "./parts/mark.tsx";
import { followAddress, go } from "./place.ts";
import { followPreferences, useWords } from "./preferences.ts";
import { serverName } from "./server-name.ts";

const useInside = late(() => import("./inside.tsx"));

/** As long as it is not known whether one is logged in, it is more likely that one is. */
function Behind() {
  const words = useWords();
  const { stage } = useModel();
  const inside = useInside();
  if (inside !== undefined && stage.value === "in") return <inside.Inside />;
  return (
    <main class="starting">
      <Mark size={72} />
      <p class="unseen" role="status">
        {words.starting}
      </p>
    </main>
  );
}

function App() {
  const model = useModel();
  const stage = model.stage.value;
  const out = stage === "out";
  useEffect(() => {
    if (!out) return;
    document.title = serverName(model);
    go({}, "replace");
  }, [out]);
  return out ? <Entry /> : <Behind />;
}

/** Shows `model` in `element` from here on. */
export function showClient(model: Model, element: Element): void {
  followPreferences();
  followAddress();
  render(
    <ModelContext.Provider value={model}>
      <App />
    </ModelContext.Provider>,
    element,
  );
}
