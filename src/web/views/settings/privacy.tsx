/** Who sees what of one, and whom one has blocked. */
import { useState } from "preact/hooks";
import type { Done } from "../../state/model.ts";
import { useModel } from "../model-context.ts";
import { Choice } from "../parts/choice.tsx";
import { sentenceOf, useWords } from "../preferences.ts";
import { PersonRow } from "../sidebar/person-row.tsx";

export function Privacy() {
  const words = useWords();
  const model = useModel();
  const [reason, setReason] = useState<string>();
  const act = async (done: Promise<Done>) => {
    const result = await done;
    setReason(result.ok ? undefined : result.reason);
  };
  const blocked = model.contacts.value.filter(({ contact }) => contact === "banned");
  return (
    <>
      <div role="alert">{reason !== undefined && <p class="error">{sentenceOf(words, reason)}</p>}</div>
      <Choice
        title={words.presenceTitle}
        value={model.presence.value}
        options={[
          ["friends", words.presenceFriends],
          ["none", words.presenceNone],
        ]}
        onChoose={(value) => void act(model.setPresence(value))}
      />
      <Choice
        title={words.receiptsTitle}
        value={model.receipts.value}
        options={[
          ["all", words.receiptsAll],
          ["delivered", words.receiptsDelivered],
          ["none", words.receiptsNone],
        ]}
        onChoose={(value) => void act(model.setReceipts(value))}
      />
      {blocked.length > 0 && (
        <section>
          <h2 class="list-title">{words.blockedPeople}</h2>
          <ul class="rows">
            {blocked.map((person) => (
              <PersonRow key={person.userId} person={person}>
                <button type="button" class="button small" onClick={() => void act(model.block(person.userId, false))}>
                  {words.unblock}
                </button>
              </PersonRow>
            ))}
          </ul>
        </section>
      )}
    </>
  );
}
