/** Where one is logged in, and how to log a phone in. */
import { useEffect, useState } from "preact/hooks";
import type { Session } from "../../state/model.ts";
import { useModel } from "../model-context.ts";
import { Dialog } from "../parts/dialog.tsx";
import { Icon } from "../parts/icon.tsx";
import { sentenceOf, useWords } from "../preferences.ts";
import { LinkToCopy, QrPicture } from "../qr/qr-picture.tsx";
import { clockTime, shortTime } from "../text/times.ts";

/** The address of this page with a secret behind `#`, which no server is told. */
export const linkWith = (kind: "invite" | "link", value: string): string =>
  `${location.origin}${location.pathname}#${kind}=${encodeURIComponent(value)}`;

function LinkDevice({ onClose }: { onClose: () => void }) {
  const words = useWords();
  const model = useModel();
  const [made, setMade] = useState<{ link: string; expires: Date } | { reason: string }>();
  const [over, setOver] = useState(false);
  const make = async () => {
    setOver(false);
    setMade(await model.linkDevice());
  };
  useEffect(() => void make(), []);
  useEffect(() => {
    if (made === undefined || "reason" in made) return;
    const timer = setTimeout(() => setOver(true), Math.max(0, made.expires.getTime() - Date.now()));
    return () => clearTimeout(timer);
  }, [made]);
  const link = made === undefined || "reason" in made ? undefined : linkWith("link", made.link);
  return (
    <Dialog title={words.linkDevice} onClose={onClose} class="small">
      <p>{words.linkDeviceLead}</p>
      {made !== undefined && "reason" in made && <p class="error">{sentenceOf(words, made.reason)}</p>}
      {link !== undefined && made !== undefined && !("reason" in made) && !over && (
        <div class="qr-box">
          <QrPicture link={link} label={words.linkDevice} />
          <LinkToCopy link={link} />
          <p class="quiet">{words.linkUntil(clockTime(words, made.expires))}</p>
        </div>
      )}
      {over && (
        <div class="qr-box">
          <p>{words.linkExpired}</p>
          <button type="button" class="button primary" onClick={() => void make()}>
            {words.tryAgain}
          </button>
        </div>
      )}
    </Dialog>
  );
}

function SessionRow({ session, onEnd }: { session: Session; onEnd: () => void }) {
  const words = useWords();
  const seen = session.lastSeen ?? session.created;
  const parts = [
    session.door,
    session.address,
    session.own ? words.thisOne : session.online ? words.online : seen && shortTime(words, seen, new Date()),
  ].filter((part) => part !== undefined);
  return (
    <li class="person-row">
      <span class="person-open">
        <span class="round-icon">
          <Icon name="devices" />
        </span>
        <span class="person-words">
          <bdi class="chat-row-name">{session.name ?? session.kind.replaceAll("_", " ")}</bdi>
          <span class="quiet">{parts.join(" · ")}</span>
        </span>
      </span>
      {!session.own && (
        <span class="person-acts">
          <button type="button" class="button small" onClick={onEnd}>
            {words.endSession}
          </button>
        </span>
      )}
    </li>
  );
}

export function Sessions() {
  const words = useWords();
  const model = useModel();
  const [sessions, setSessions] = useState<readonly Session[]>();
  const [reason, setReason] = useState<string>();
  const [linking, setLinking] = useState(false);
  const read = async () => setSessions(await model.sessions());
  useEffect(() => void read(), []);
  const end = async (id: string) => {
    const done = await model.endSession(id);
    setReason(done.ok ? undefined : done.reason);
    await read();
  };
  return (
    <>
      <button type="button" class="button primary" onClick={() => setLinking(true)}>
        {words.linkDevice}
      </button>
      <div role="alert">{reason !== undefined && <p class="error">{sentenceOf(words, reason)}</p>}</div>
      {sessions === undefined && <p class="note">{words.loading}</p>}
      <ul class="rows">
        {sessions?.map((session) => (
          <SessionRow key={session.id} session={session} onEnd={() => void end(session.id)} />
        ))}
      </ul>
      {linking && <LinkDevice onClose={() => setLinking(false)} />}
    </>
  );
}
