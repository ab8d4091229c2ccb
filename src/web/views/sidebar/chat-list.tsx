/** The first pane: one's chats, the one with the newest message on top. */
import { useState } from "preact/hooks";
import { useModel } from "../model-context.ts";
import { Avatar } from "../parts/avatar.tsx";
import { Empty, IconButton } from "../parts/button.tsx";
import { move, place } from "../place.ts";
import { useWords } from "../preferences.ts";
import { serverName } from "../server-name.ts";
import { personName } from "../text/names.ts";
import { ChatRow } from "./chat-row.tsx";

/** So many rows at first, and so many more each time the end comes near. */
const rowsPerPage = 60;

export function ChatList() {
  const words = useWords();
  const model = useModel();
  const [shown, setShown] = useState(rowsPerPage);
  const me = model.me.value;
  const chats = model.chats.value;
  const requests = model.contacts.value.filter(({ contact }) => contact === "authorization").length;
  const name = me === undefined ? "" : personName(words, me, me.userId);
  return (
    <>
      <header class="bar">
        <button type="button" class="me-button" title={words.settings} onClick={() => move({ side: "settings" })}>
          <span class="unseen">{words.settings}</span>
          <Avatar id={me?.userId ?? ""} name={name} address={me?.avatar ?? ""} size={36} />
        </button>
        <h1 class="bar-name">
          <bdi>{serverName(model)}</bdi>
        </h1>
        <IconButton icon="search" label={words.search} onClick={() => move({ side: "search" })} />
        <span class="with-dot">
          <IconButton icon="people" label={words.people} onClick={() => move({ side: "people" })} />
          {requests > 0 && <span class="dot" />}
        </span>
        <IconButton icon="pencil" label={words.newChat} onClick={() => move({ side: "new" })} />
      </header>
      {chats.length === 0 ? (
        <Empty icon="people" title={words.chatsNone} lead={words.chatsNoneLead}>
          <button type="button" class="button primary" onClick={() => move({ side: "people" })}>
            {words.findPeople}
          </button>
          <button type="button" class="button" onClick={() => move({ side: "new" })}>
            {words.newGroup}
          </button>
        </Empty>
      ) : (
        <nav
          class="pane-body"
          aria-label={words.chats}
          onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
            if (scrollHeight - scrollTop - clientHeight < 600 && shown < chats.length) setShown(shown + rowsPerPage);
          }}
        >
          <ul class="rows">
            {chats.slice(0, shown).map((chat) => (
              <ChatRow key={chat.chatId} chat={chat} current={place.value.chat === chat.chatId} />
            ))}
          </ul>
        </nav>
      )}
    </>
  );
}
