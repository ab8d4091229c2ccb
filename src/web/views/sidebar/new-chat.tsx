/** A new conversation: with a person, or a group of those who are ticked. */
import { useState } from "preact/hooks";
import type { Id, Person } from "../../state/model.ts";
import { useModel } from "../model-context.ts";
import { Avatar } from "../parts/avatar.tsx";
import { Field, Form } from "../parts/form.tsx";
import { go } from "../place.ts";
import { useWords } from "../preferences.ts";
import { personName } from "../text/names.ts";
import { PaneHead } from "./pane-head.tsx";
import { SearchField, useFound } from "./people.tsx";

interface PickProps {
  readonly chosen: ReadonlyMap<Id, Person>;
  readonly onChange: (chosen: ReadonlyMap<Id, Person>) => void;
  /** Who is in the group already. */
  readonly without?: readonly Id[];
}

/** A list to tick: one's contacts, and whom the search finds. */
export function PickPeople({ chosen, onChange, without = [] }: PickProps) {
  const words = useWords();
  const model = useModel();
  const [query, setQuery] = useState("");
  const found = useFound(query.trim());
  const wanted = query.trim().toLocaleLowerCase();
  const ownId = model.me.value?.userId;
  const friends = model.contacts.value.filter(
    ({ contact, name }) => contact === "friend" && name.toLocaleLowerCase().includes(wanted),
  );
  const all = new Map([
    ...chosen,
    ...friends.map((one) => [one.userId, one] as const),
    ...(found ?? []).map((one) => [one.userId, one] as const),
  ]);
  const people = [...all.values()].filter(({ userId }) => userId !== ownId && !without.includes(userId)).slice(0, 200);
  const toggle = (person: Person) => {
    const next = new Map(chosen);
    if (!next.delete(person.userId)) next.set(person.userId, person);
    onChange(next);
  };
  return (
    <fieldset class="pick">
      <legend class="list-title">{words.groupPick}</legend>
      <SearchField label={words.findHint} value={query} onInput={setQuery} />
      {people.length === 0 && <p class="note">{wanted === "" ? words.groupNobody : found && words.foundNone}</p>}
      <ul class="rows">
        {people.map((person) => (
          <li key={person.userId}>
            <label class="pick-row">
              <Avatar id={person.userId} name={person.name} address={person.avatar} size={36} />
              <bdi class="chat-row-name">{personName(words, person, person.userId)}</bdi>
              <input type="checkbox" checked={chosen.has(person.userId)} onChange={() => toggle(person)} />
            </label>
          </li>
        ))}
      </ul>
    </fieldset>
  );
}

export function NewChat() {
  const words = useWords();
  const model = useModel();
  const [chosen, setChosen] = useState<ReadonlyMap<Id, Person>>(new Map());
  return (
    <>
      <PaneHead title={words.newGroup} />
      <div class="pane-body padded">
        <Form
          submit={words.create}
          onSubmit={async ({ name = "" }) => {
            const done = await model.createGroup(name.trim(), [...chosen.keys()]);
            if (done.ok && done.chatId !== undefined) go({ chat: done.chatId });
            return done;
          }}
        >
          <Field label={words.groupName} name="name" hint={words.groupNameHint} maxLength={256} autocomplete="off" />
          <PickPeople chosen={chosen} onChange={setChosen} />
        </Form>
      </div>
    </>
  );
}
