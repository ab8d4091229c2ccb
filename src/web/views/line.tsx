/** What the client says of its line: calmly, and only when there is something to say. */
import { useEffect, useState } from "preact/hooks";
import { useModel } from "./model-context.ts";
import { Icon } from "./parts/icon.tsx";
import { useWords } from "./preferences.ts";

/** A line that comes back at once is not worth a word. */
const quietMs = 1_500;

/** The seconds until `date`, counted down. */
function useSeconds(date: Date | undefined): number | undefined {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    if (date === undefined) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, [date]);
  const seconds = date === undefined ? 0 : Math.ceil((date.getTime() - now) / 1_000);
  return seconds > 0 ? seconds : undefined;
}

export function LineStatus() {
  const words = useWords();
  const model = useModel();
  const line = model.line.value;
  const [late, setLate] = useState(false);
  const seconds = useSeconds(line === "online" ? undefined : model.retryAt.value);
  useEffect(() => {
    if (line === "online") {
      setLate(false);
      return;
    }
    const timer = setTimeout(() => setLate(true), quietMs);
    return () => clearTimeout(timer);
  }, [line]);
  const text =
    line === "connecting"
      ? words.lineConnecting
      : seconds === undefined
        ? words.lineOffline
        : words.lineOfflineUntil(seconds);
  return (
    <>
      <div role="status" class="line-status">
        {line !== "online" && late && (
          <p data-line={line}>
            <span class="pulse" />
            {/* The seconds are for the eye; a reader of the screen hears the sentence once. */}
            <span aria-hidden="true">{text}</span>
            <span class="unseen">{line === "connecting" ? words.lineConnecting : words.lineOffline}</span>
          </p>
        )}
      </div>
      {model.storageFull.value && (
        <p class="notice storage-full" role="alert">
          <Icon name="warning" />
          {words.storageFull}
        </p>
      )}
    </>
  );
}
