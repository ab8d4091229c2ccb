/** The details of a chat: who is in it, its name and picture, and what one can change. */
import { useEffect, useState } from "preact/hooks";
import type { Chat, Done, Id, Person } from "../../state/model.ts";
import { useModel } from "../model-context.ts";
import { Avatar } from "../parts/avatar.tsx";
import { IconButton } from "../parts/button.tsx";
import { Confirm, Dialog } from "../parts/dialog.tsx";
import { Field, Form } from "../parts/form.tsx";
import { Icon, type IconName } from "../parts/icon.tsx";
import { PicturePicker } from "../parts/picture-picker.tsx";
import { go, move } from "../place.ts";
import { sentenceOf, useWords } from "../preferences.ts";
import { PickPeople } from "../sidebar/new-chat.tsx";
import { openPerson } from "../sidebar/open-person.ts";
import { PersonRow } from "../sidebar/person-row.tsx";
import { chatName, personName } from "../text/names.ts";
import { fullTime } from "../text/times.ts";

const hourMs = 3_600_000;
const alwaysMs = 100 * 365 * 24 * hourMs;

function Mute({ chat, act }: { chat: Chat; act: (done: Promise<Done>) => void }) {
  const words = useWords();
  const model = useModel();
  const until = chat.mutedUntil;
  const mute = (ms: number) => act(model.mute(chat.chatId, new Date(Date.now() + ms)));
  if (until !== undefined) {
    const always = until.getTime() - Date.now() > alwaysMs / 2;
    return (
      <div class="setting-row">
        <span>{always ? words.mutedAlways : words.mutedUntil(fullTime(words, until))}</span>
        <button type="button" class="button small" onClick={() => act(model.mute(chat.chatId, undefined))}>
          {words.unmute}
        </button>
      </div>
    );
  }
  return (
    <div class="setting-row">
      <span>{words.mute}</span>
      <span class="choices">
        <button type="button" class="button small" onClick={() => mute(hourMs)}>
          {words.muteHour}
        </button>
        <button type="button" class="button small" onClick={() => mute(24 * hourMs)}>
          {words.muteDay}
        </button>
        <button type="button" class="button small" onClick={() => mute(alwaysMs)}>
          {words.muteAlways}
        </button>
      </span>
    </div>
  );
}

function AddMembers({ chat, onClose }: { chat: Chat; onClose: () => void }) {
  const words = useWords();
  const model = useModel();
  const [chosen, setChosen] = useState<ReadonlyMap<Id, Person>>(new Map());
  return (
    <Dialog title={words.addMembers} onClose={onClose}>
      <Form submit={words.add} onSubmit={() => model.addMembers(chat.chatId, [...chosen.keys()])} onSuccess={onClose}>
        <PickPeople chosen={chosen} onChange={setChosen} without={chat.memberIds ?? []} />
      </Form>
    </Dialog>
  );
}

interface Question {
  readonly title: string;
  readonly lead: string;
  readonly yes: string;
  readonly act: () => Promise<Done>;
}

function Group({
  chat,
  ask,
  act,
}: {
  chat: Chat;
  ask: (question: Question) => void;
  act: (done: Promise<Done>) => void;
}) {
  const words = useWords();
  const model = useModel();
  const [members, setMembers] = useState<readonly Person[]>([]);
  const [open, setOpen] = useState<"add" | "rename">();
  const ownId = model.me.value?.userId;
  const owner = chat.ownerId === ownId;
  const name = chatName(words, chat);
  const people = model.people.value;
  const ids = chat.memberIds?.join(" ");
  useEffect(() => {
    let ended = false;
    void model.members(chat.chatId).then((found) => {
      if (!ended) setMembers(found);
    });
    return () => {
      ended = true;
    };
  }, [chat.chatId, ids]);
  return (
    <>
      {owner ? (
        <PicturePicker
          id={chat.chatId}
          name={name}
          address={chat.avatar}
          onChange={(picture) => model.setChatPicture(chat.chatId, picture)}
        />
      ) : (
        <div class="picture-picker">
          <Avatar id={chat.chatId} name={name} address={chat.avatar} size={96} />
        </div>
      )}
      <h2 class="details-name">
        <bdi>{name}</bdi>
        {owner && <IconButton icon="pencil" label={words.rename} onClick={() => setOpen("rename")} />}
      </h2>
      <Mute chat={chat} act={act} />
      <section>
        <h3 class="list-title">{words.members(members.length)}</h3>
        <button type="button" class="row-button" onClick={() => setOpen("add")}>
          <Icon name="plus" />
          {words.addMembers}
        </button>
        <ul class="rows">
          {members.slice(0, 300).map((member) => {
            const person = people.get(member.userId) ?? member;
            const own = person.userId === ownId;
            const shown = personName(words, person, person.userId);
            const note = person.userId === chat.ownerId ? { note: words.owner } : {};
            return (
              <PersonRow
                key={person.userId}
                person={person}
                {...(own ? {} : { onOpen: () => openPerson(model, person.userId) })}
                {...note}
              >
                {owner && !own && (
                  <IconButton
                    icon="close"
                    label={`${words.remove}: ${shown}`}
                    onClick={() =>
                      ask({
                        title: words.removeMemberTitle(shown),
                        lead: words.removeMemberLead,
                        yes: words.remove,
                        act: () => model.removeMember(chat.chatId, person.userId),
                      })
                    }
                  />
                )}
              </PersonRow>
            );
          })}
        </ul>
      </section>
      <button
        type="button"
        class="row-button danger"
        onClick={() =>
          ask({
            title: words.leaveTitle,
            lead: words.leaveLead,
            yes: words.leave,
            act: async () => {
              const done = await model.leave(chat.chatId);
              if (done.ok) go({});
              return done;
            },
          })
        }
      >
        <Icon name="leave" turns />
        {words.leave}
      </button>
      {open === "add" && <AddMembers chat={chat} onClose={() => setOpen(undefined)} />}
      {open === "rename" && (
        <Dialog title={words.rename} class="small" onClose={() => setOpen(undefined)}>
          <Form
            submit={words.save}
            onSubmit={({ name: next = "" }) => model.rename(chat.chatId, next.trim())}
            onSuccess={() => setOpen(undefined)}
          >
            <Field
              label={words.groupName}
              name="name"
              value={chat.name}
              required
              maxLength={256}
              autocomplete="off"
              autofocus
            />
          </Form>
        </Dialog>
      )}
    </>
  );
}

function Direct(props: {
  userId: Id;
  chat: Chat | undefined;
  ask: (question: Question) => void;
  act: (done: Promise<Done>) => void;
}) {
  const words = useWords();
  const model = useModel();
  const { userId, chat, ask, act } = props;
  const person = model.people.value.get(userId);
  const name = personName(words, person, userId);
  const own = userId === model.me.value?.userId;
  const row = (icon: IconName, label: string, onClick: () => void, danger = false) => (
    <button type="button" class={danger ? "row-button danger" : "row-button"} onClick={onClick}>
      <Icon name={icon} />
      {label}
    </button>
  );
  return (
    <>
      <div class="picture-picker">
        <Avatar id={userId} name={name} address={person?.avatar ?? chat?.avatar ?? ""} size={96} />
      </div>
      <h2 class="details-name">
        <bdi>{own ? words.notebook : name}</bdi>
      </h2>
      <p class="note centered">{userId}</p>
      {chat !== undefined && <Mute chat={chat} act={act} />}
      {!own && person !== undefined && (
        <section class="acts">
          {person.contact === "none" && row("plus", words.ask, () => act(model.ask(userId)))}
          {person.contact === "authorization" && row("check", words.confirm, () => act(model.confirm(userId)))}
          {person.contact === "friend" && row("close", words.endContact, () => act(model.revoke(userId)))}
          {person.contact === "request" && row("close", words.takeBack, () => act(model.revoke(userId)))}
          {person.contact === "banned"
            ? row("check", words.unblock, () => act(model.block(userId, false)))
            : row(
                "block",
                words.block,
                () =>
                  ask({
                    title: words.blockTitle(name),
                    lead: words.blockLead,
                    yes: words.block,
                    act: () => model.block(userId, true),
                  }),
                true,
              )}
        </section>
      )}
    </>
  );
}

export function Details({ chatId, chat }: { chatId: Id; chat: Chat | undefined }) {
  const words = useWords();
  const [question, setQuestion] = useState<Question>();
  const [reason, setReason] = useState<string>();
  const act = async (done: Promise<Done>) => {
    const result = await done;
    setReason(result.ok ? undefined : result.reason);
  };
  return (
    <aside class="details" aria-label={words.details}>
      <header class="bar">
        <h1 class="bar-name">{words.details}</h1>
        <IconButton icon="close" label={words.close} onClick={() => move({ details: undefined })} />
      </header>
      <div class="pane-body padded">
        <div role="alert">{reason !== undefined && <p class="error">{sentenceOf(words, reason)}</p>}</div>
        {chat?.kind === "group" ? (
          <Group chat={chat} ask={setQuestion} act={(done) => void act(done)} />
        ) : (
          <Direct userId={chat?.peerId ?? chatId} chat={chat} ask={setQuestion} act={(done) => void act(done)} />
        )}
      </div>
      {question !== undefined && (
        <Confirm
          title={question.title}
          lead={question.lead}
          yes={question.yes}
          onYes={question.act}
          onClose={() => setQuestion(undefined)}
        />
      )}
    </aside>
  );
}
