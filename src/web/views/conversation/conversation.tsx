/** The open chat: its head, its messages, and where one writes. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Chat, Message, Timeline } from "../../state/model.ts";
import { useModel } from "../model-context.ts";
import { Empty } from "../parts/button.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { useWords } from "../preferences.ts";
import { chatName, personName } from "../text/names.ts";
import { Composer } from "./composer.tsx";
import { announced, lightbox, resetConversation } from "./conversation-state.ts";
import { Header } from "./header.tsx";
import { MessageMenu } from "./message-menu.tsx";
import { TimelineView } from "./timeline.tsx";

function Lightbox() {
  const shown = lightbox.value;
  if (shown === undefined) return null;
  return (
    <Dialog
      title={shown.name}
      class="lightbox"
      onClose={() => {
        lightbox.value = undefined;
      }}
    >
      <img src={shown.url} alt={shown.name} />
    </Dialog>
  );
}

/** What came in is said here; a reader of the screen reads it out. */
function Announcer() {
  return (
    <div class="unseen" role="log" aria-live="polite">
      {announced.value.map(({ key, text }) => (
        <p key={key}>{text}</p>
      ))}
    </div>
  );
}

/** Files of a drag over the conversation; a text that is dragged is left to the field. */
const hasFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes("Files") === true;

export function Conversation({ timeline, chat }: { timeline: Timeline; chat: Chat | undefined }) {
  const words = useWords();
  const model = useModel();
  const [dragging, setDragging] = useState(false);
  const dropped = useRef({ take: (_: readonly File[]): void => undefined }).current;
  const { chatId } = timeline;
  useEffect(() => resetConversation, []);
  const senderName = useMemo(
    () => (message: Message) => personName(words, model.people.peek().get(message.senderId), message.senderId),
    [words],
  );
  const name = chat === undefined ? personName(words, model.people.value.get(chatId), chatId) : chatName(words, chat);
  const empty = timeline.messages.value.length === 0 && timeline.atOldest.value && timeline.loading.value === undefined;
  return (
    <main
      class="conversation"
      onDragOver={(event) => {
        if (!hasFiles(event)) return;
        event.preventDefault();
        setDragging(true);
      }}
      onDragLeave={(event) => {
        if (event.target === event.currentTarget) setDragging(false);
      }}
      onDrop={(event) => {
        setDragging(false);
        if (!hasFiles(event)) return;
        event.preventDefault();
        dropped.take([...(event.dataTransfer?.files ?? [])]);
      }}
    >
      <Header chat={chat} chatId={chatId} />
      <TimelineView timeline={timeline} chat={chat} label={words.messagesOf(name)} senderName={senderName} />
      {empty && (
        <div class="over-timeline">
          <Empty icon="pencil" title={words.firstMessage} lead={words.firstMessageLead} />
        </div>
      )}
      <Composer chatId={chatId} chat={chat} dropped={dropped} />
      {dragging && <div class="drop-here">{words.dropHere}</div>}
      <MessageMenu />
      <Lightbox />
      <Announcer />
    </main>
  );
}
