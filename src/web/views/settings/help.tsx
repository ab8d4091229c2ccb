/** The keys, what HTTPS would add, and the version. */
import { Keys } from "../keys.tsx";
import { useModel } from "../model-context.ts";
import { useWords } from "../preferences.ts";

export function Help() {
  const words = useWords();
  const { server } = useModel();
  return (
    <>
      <section>
        <h2 class="list-title">{words.keyboard}</h2>
        <Keys />
      </section>
      {server.value !== undefined && (
        <>
          <p class="note">{server.value.secure ? words.secureLine : words.insecureLine}</p>
          <p class="note">{words.version(server.value.version)}</p>
        </>
      )}
    </>
  );
}
