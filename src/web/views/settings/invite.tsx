/** A link for one person who has no account yet. */
import { useState } from "preact/hooks";
import { useModel } from "../model-context.ts";
import { sentenceOf, useWords } from "../preferences.ts";
import { LinkToCopy, QrPicture } from "../qr/qr-picture.tsx";
import { fullTime } from "../text/times.ts";
import { linkWith } from "./sessions.tsx";

export function Invite() {
  const words = useWords();
  const model = useModel();
  const server = model.server.value;
  const [made, setMade] = useState<{ invite: string; expires: Date } | { reason: string }>();
  if (server?.registration === "off") return <p class="note">{words.registrationClosed}</p>;
  if (server?.registration === "open") {
    const address = location.origin + location.pathname;
    return (
      <div class="qr-box">
        <p>{words.inviteOpenLead}</p>
        <QrPicture link={address} label={words.invite} />
        <LinkToCopy link={address} />
      </div>
    );
  }
  if (server?.invites === "operator") return <p class="note">{words.inviteOperator}</p>;
  if (made !== undefined && !("reason" in made)) {
    const link = linkWith("invite", made.invite);
    return (
      <div class="qr-box">
        <p>{words.inviteLead}</p>
        <QrPicture link={link} label={words.invite} />
        <LinkToCopy link={link} />
        <p class="quiet">{words.linkUntil(fullTime(words, made.expires))}</p>
      </div>
    );
  }
  return (
    <>
      <p>{words.inviteLead}</p>
      <div role="alert">{made !== undefined && <p class="error">{sentenceOf(words, made.reason)}</p>}</div>
      <button type="button" class="button primary" onClick={async () => setMade(await model.createInvite())}>
        {words.inviteMake}
      </button>
    </>
  );
}
