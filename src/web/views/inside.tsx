/** The client behind the log-in: the panes, what is open in them, and the keys. */
import { useSignalEffect } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import type { Model } from "../state/model.ts";
import { Conversation } from "./conversation/conversation.tsx";
import { Keys } from "./keys.tsx";
import { late } from "./late.ts";
import { LineStatus } from "./line.tsx";
import { useModel } from "./model-context.ts";
import { Empty } from "./parts/button.tsx";
import { Dialog } from "./parts/dialog.tsx";
import { Mark } from "./parts/mark.tsx";
import { errand, move, place } from "./place.ts";
import { useWords } from "./preferences.ts";
import { serverName } from "./server-name.ts";
import { followKeys } from "./shortcuts.ts";
import { ChatList } from "./sidebar/chat-list.tsx";

const usePanels = late(() => import("./panels.tsx"));

function Side() {
  const { side } = place.value;
  const panels = usePanels();
  const [name, page] = side?.split(".") ?? [];
  if (name === undefined) return <ChatList />;
  if (panels === undefined) return <span class="spinner" />;
  const { Settings, People, NewChat, Search } = panels;
  if (name === "settings") return <Settings page={page} />;
  if (name === "people") return <People />;
  if (name === "new") return <NewChat />;
  if (name === "search") return <Search key={side} inChat={page === "chat"} />;
  return <ChatList />;
}

/** The chat of the address is the open one, and the other way round. */
function useOpenChat(model: Model): void {
  useSignalEffect(() => {
    const { chat } = place.value;
    if (model.open.peek()?.chatId !== chat) model.openChat(chat);
  });
  useSignalEffect(() => {
    const opened = model.open.value?.chatId;
    // By a notice, or since the first message made the chat that was known by the user's number until then.
    if (opened !== undefined && opened !== place.peek().chat) move({ chat: opened }, "replace");
  });
}

export function Inside() {
  const words = useWords();
  const model = useModel();
  const [help, setHelp] = useState(false);
  useOpenChat(model);
  useEffect(() => followKeys(model, () => setHelp(true)), [model]);
  useEffect(() => {
    // Who is logged in has no use for an invitation, and resets a password elsewhere.
    errand.value = undefined;
  }, []);
  const { chat: chatId, side, details } = place.value;
  const timeline = model.open.value;
  const chat = model.chats.value.find((one) => one.chatId === chatId);
  const name = serverName(model);
  const Details = usePanels()?.Details;
  const unread = model.unreadTotal.value;
  useEffect(() => {
    document.title = unread > 0 ? `(${unread}) ${name}` : name;
  }, [unread, name]);
  const inList = side !== undefined || chatId === undefined;
  const shows = details === true ? "details" : inList ? "list" : "chat";
  return (
    // On a phone one pane is seen: the last that was asked for.
    <div class="panes" data-shows={shows}>
      <div class="pane list-pane">
        <LineStatus />
        <Side />
      </div>
      <div class="pane chat-pane">
        {timeline !== undefined && chatId !== undefined ? (
          <Conversation key={timeline.chatId} timeline={timeline} chat={chat} />
        ) : (
          <main class="nothing-open">
            <Mark size={72} />
            <Empty icon="pencil" title={words.chooseChat} lead={words.chooseChatLead} />
          </main>
        )}
      </div>
      {details === true && chatId !== undefined && (
        <div class="pane details-pane">
          {Details === undefined ? <span class="spinner" /> : <Details key={chatId} chatId={chatId} chat={chat} />}
        </div>
      )}
      {help && (
        <Dialog title={words.keyboard} onClose={() => setHelp(false)}>
          <Keys />
        </Dialog>
      )}
    </div>
  );
}
