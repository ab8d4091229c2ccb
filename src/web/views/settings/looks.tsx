/** Colours, language, notices. */
import { useModel } from "../model-context.ts";
import { Choice } from "../parts/choice.tsx";
import { chooseLanguage, chooseTheme, type Language, language, languages, theme, useWords } from "../preferences.ts";

export function Looks() {
  const words = useWords();
  return (
    <>
      <Choice
        title={words.theme}
        value={theme.value}
        options={[
          ["system", words.themeSystem],
          ["light", words.themeLight],
          ["dark", words.themeDark],
        ]}
        onChoose={chooseTheme}
      />
      <Choice
        title={words.languageTitle}
        value={language.value}
        options={Object.entries(languages) as [Language, string][]}
        onChoose={chooseLanguage}
      />
    </>
  );
}

export function Notices() {
  const words = useWords();
  const model = useModel();
  const state = model.notices.value;
  const said = {
    on: words.noticesOn,
    off: words.noticesOffLine,
    denied: words.noticesDenied,
    unavailable: words.noticesUnavailable,
  }[state];
  return (
    <>
      <p role="status">{said}</p>
      {state === "off" && (
        <button type="button" class="button primary" onClick={() => void model.askForNotices()}>
          {words.noticesAsk}
        </button>
      )}
      {state === "on" && (
        <button type="button" class="button" onClick={() => model.noticesOff()}>
          {words.noticesStop}
        </button>
      )}
    </>
  );
}
