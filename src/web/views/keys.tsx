/** The list of the keys. */
import { useWords } from "./preferences.ts";

export function Keys() {
  const words = useWords();
  return (
    <dl class="keys">
      {words.keys.map(([key, means]) => (
        <div key={`${key} ${means}`}>
          <dt>
            <kbd dir="ltr">{key}</kbd>
          </dt>
          <dd>{means}</dd>
        </div>
      ))}
    </dl>
  );
}
