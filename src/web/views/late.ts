/**
 * Parts that are fetched when they are first needed: a first visit shows the log-in, and does without all that comes
 * behind it. What a bad line keeps back is asked for again.
 */
import { signal } from "@preact/signals";

const againMs = 2_000;

/** A hook that gives the part, and undefined until it is here. */
export function late<Part>(fetchPart: () => Promise<Part>): () => Part | undefined {
  const part = signal<Part | undefined>(undefined);
  let asked = false;
  const ask = async (): Promise<void> => {
    try {
      part.value = await fetchPart();
    } catch {
      setTimeout(() => void ask(), againMs);
    }
  };
  return () => {
    if (!asked) {
      asked = true;
      void ask();
    }
    return part.value;
  };
}
