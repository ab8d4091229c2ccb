/** A person in a list, with what can be done beside them. */
import type { ComponentChildren } from "preact";
import type { Person } from "../../state/model.ts";
import { Avatar } from "../parts/avatar.tsx";
import { useWords } from "../preferences.ts";
import { personName } from "../text/names.ts";
import { shortTime } from "../text/times.ts";

interface PersonRowProps {
  readonly person: Person;
  readonly onOpen?: () => void;
  readonly note?: string;
  readonly children?: ComponentChildren;
}

export function PersonRow({ person, onOpen, note, children }: PersonRowProps) {
  const words = useWords();
  const name = personName(words, person, person.userId);
  const { presence } = person;
  const seen = presence?.lastSeen === undefined ? "" : words.lastSeen(shortTime(words, presence.lastSeen, new Date()));
  const kind = { person: "", hook: words.hook, device: words.device }[person.kind];
  const second = note ?? (kind || (presence?.online === true ? words.online : seen));
  const inner = (
    <>
      <Avatar id={person.userId} name={name} address={person.avatar} size={40} online={presence?.online === true} />
      <span class="person-words">
        <bdi class="chat-row-name">{name}</bdi>
        {second !== "" && <span class="quiet">{second}</span>}
      </span>
    </>
  );
  return (
    <li class="person-row">
      {onOpen === undefined ? (
        <span class="person-open">{inner}</span>
      ) : (
        <button type="button" class="person-open" title={words.writeTo(name)} onClick={onOpen}>
          {inner}
        </button>
      )}
      {children !== undefined && <span class="person-acts">{children}</span>}
    </li>
  );
}
