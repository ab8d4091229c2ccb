/** People: find them, ask them, answer those who ask, and write to one's contacts. */
import { useEffect, useState } from "preact/hooks";
import type { Done, Person } from "../../state/model.ts";
import { useModel } from "../model-context.ts";
import { Empty } from "../parts/button.tsx";
import { Icon } from "../parts/icon.tsx";
import { sentenceOf, useWords } from "../preferences.ts";
import { openPerson } from "./open-person.ts";
import { PaneHead } from "./pane-head.tsx";
import { PersonRow } from "./person-row.tsx";

const searchAfterMs = 250;

/** Whom the server finds for `query`, a moment after the last letter; undefined while it is empty or on its way. */
export function useFound(query: string): readonly Person[] | undefined {
  const model = useModel();
  const [found, setFound] = useState<{ query: string; people: readonly Person[] }>();
  useEffect(() => {
    if (query === "") return;
    let ended = false;
    const timer = setTimeout(async () => {
      const people = await model.findPeople(query);
      if (!ended) setFound({ query, people });
    }, searchAfterMs);
    return () => {
      ended = true;
      clearTimeout(timer);
    };
  }, [query, model]);
  return found?.query === query ? found.people : undefined;
}

export function SearchField(props: { label: string; value: string; onInput: (value: string) => void }) {
  return (
    <div class="search-field">
      <Icon name="search" />
      <input
        type="search"
        aria-label={props.label}
        placeholder={props.label}
        value={props.value}
        maxLength={128}
        dir="auto"
        ref={(element) => {
          if (element?.value === "" && document.activeElement === document.body) element.focus({ preventScroll: true });
        }}
        onInput={({ currentTarget }) => props.onInput(currentTarget.value)}
      />
    </div>
  );
}

export function People() {
  const words = useWords();
  const model = useModel();
  const [query, setQuery] = useState("");
  const [reason, setReason] = useState<string>();
  const found = useFound(query.trim());
  const people = model.people.value;
  const contacts = model.contacts.value;
  const me = model.me.value;
  const act = async (done: Promise<Done>) => {
    const result = await done;
    setReason(result.ok ? undefined : result.reason);
  };
  const button = (label: string, done: () => Promise<Done>, primary = false) => (
    <button type="button" class={primary ? "button small primary" : "button small"} onClick={() => void act(done())}>
      {label}
    </button>
  );
  const acts = ({ userId, contact }: Person) => {
    if (userId === me?.userId || contact === "friend") return undefined;
    if (contact === "authorization") {
      return (
        <>
          {button(words.confirm, () => model.confirm(userId), true)}
          {button(words.refuse, () => model.revoke(userId))}
        </>
      );
    }
    if (contact === "request") return button(words.takeBack, () => model.revoke(userId));
    if (contact === "banned") return button(words.unblock, () => model.block(userId, false));
    return button(words.ask, () => model.ask(userId), true);
  };
  const list = (title: string, some: readonly Person[]) =>
    some.length > 0 && (
      <section>
        <h2 class="list-title">{title}</h2>
        <ul class="rows">
          {some.slice(0, 300).map((person) => (
            <PersonRow key={person.userId} person={person} onOpen={() => openPerson(model, person.userId)}>
              {acts(person)}
            </PersonRow>
          ))}
        </ul>
      </section>
    );
  const those = (contact: Person["contact"]) => contacts.filter((person) => person.contact === contact);
  const wanted = query.trim().toLocaleLowerCase();
  const friends = those("friend").filter(({ name }) => name.toLocaleLowerCase().includes(wanted));
  const strangers = found
    ?.map((person) => people.get(person.userId) ?? person)
    .filter(({ contact }) => contact !== "friend");
  return (
    <>
      <PaneHead title={words.people} />
      <div class="pane-body">
        <SearchField label={words.findHint} value={query} onInput={setQuery} />
        <div role="alert">{reason !== undefined && <p class="error">{sentenceOf(words, reason)}</p>}</div>
        {wanted === "" && list(words.asksYou, those("authorization"))}
        {list(words.contacts, friends)}
        {wanted === "" && list(words.youAsked, those("request"))}
        {wanted !== "" && list(words.found, strangers ?? [])}
        <div role="status">
          {wanted !== "" && strangers?.length === 0 && friends.length === 0 && <p class="note">{words.foundNone}</p>}
        </div>
        {wanted === "" && contacts.length === 0 && (
          <Empty icon="people" title={words.contactsNone} lead={words.contactsNoneLead} />
        )}
        {wanted === "" && me !== undefined && <p class="note">{words.yourNumberIs(me.userId)}</p>}
      </div>
    </>
  );
}
