/** Search in the messages of all chats, or of the open one. */
import { useEffect, useState } from "preact/hooks";
import type { Message } from "../../state/model.ts";
import { jump } from "../conversation/conversation-state.ts";
import { spoken } from "../conversation/spoken.ts";
import { useModel } from "../model-context.ts";
import { Empty } from "../parts/button.tsx";
import { PersonName } from "../parts/person-name.tsx";
import { go, place } from "../place.ts";
import { sentenceOf, useWords } from "../preferences.ts";
import { chatName } from "../text/names.ts";
import { shortTime } from "../text/times.ts";
import { around } from "./around.ts";
import { PaneHead } from "./pane-head.tsx";
import { SearchField } from "./people.tsx";

interface Found {
  readonly messages: readonly Message[];
  readonly next?: string;
}

const searchAfterMs = 300;

export function Search({ inChat }: { inChat: boolean }) {
  const words = useWords();
  const model = useModel();
  const [query, setQuery] = useState("");
  const [found, setFound] = useState<Found>();
  const [reason, setReason] = useState<string>();
  const chatId = inChat ? place.value.chat : undefined;
  const ask = async (wanted: string, next?: string) => {
    const answer = await model.search(wanted, {
      ...(chatId === undefined ? {} : { chatId }),
      ...(next === undefined ? {} : { next }),
    });
    if ("reason" in answer) return setReason(answer.reason);
    setReason(undefined);
    setFound((before) => ({
      messages: next === undefined ? answer.messages : [...(before?.messages ?? []), ...answer.messages],
      ...(answer.next === undefined ? {} : { next: answer.next }),
    }));
  };
  useEffect(() => {
    const wanted = query.trim();
    if (wanted === "") {
      setFound(undefined);
      return;
    }
    const timer = setTimeout(() => void ask(wanted), searchAfterMs);
    return () => clearTimeout(timer);
  }, [query, chatId]);
  const open = (message: Message) => {
    if (message.seq === undefined) return;
    const narrow = matchMedia("(max-width: 719px)").matches;
    const { side } = place.peek();
    go({ chat: message.chatId, ...(narrow || side === undefined ? {} : { side }) });
    jump.value = { chatId: message.chatId, seq: message.seq };
  };
  const title = (message: Message) => {
    const chat = model.chats.value.find((one) => one.chatId === message.chatId);
    return chat === undefined ? words.chatNamed(message.chatId) : chatName(words, chat);
  };
  return (
    <>
      <PaneHead title={inChat ? words.searchInChat : words.search} />
      <div class="pane-body">
        <SearchField label={words.searchHint} value={query} onInput={setQuery} />
        <div role="alert">{reason !== undefined && <p class="error">{sentenceOf(words, reason)}</p>}</div>
        {query.trim() === "" && <Empty icon="search" title={words.searchHint} lead={words.searchLead} />}
        <div role="status">
          {found?.messages.length === 0 && found.next === undefined && <p class="note">{words.searchNone}</p>}
        </div>
        <ul class="rows">
          {found?.messages.map((message) => (
            <li key={`${message.chatId} ${message.key}`}>
              <button type="button" class="found-row" onClick={() => open(message)}>
                <span class="chat-row-line">
                  <bdi class="chat-row-name">{title(message)}</bdi>
                  <time dateTime={message.time.toISOString()}>{shortTime(words, message.time, new Date())}</time>
                </span>
                <span class="found-text">
                  <span class="last-sender">
                    <PersonName userId={message.senderId} />:{" "}
                  </span>
                  <bdi>{message.text === undefined ? spoken(words, message) : around(message.text, query)}</bdi>
                </span>
              </button>
            </li>
          ))}
        </ul>
        {found?.next !== undefined && (
          <div class="note">
            <button type="button" class="button" onClick={() => void ask(query.trim(), found.next)}>
              {words.searchMore}
            </button>
          </div>
        )}
      </div>
    </>
  );
}
