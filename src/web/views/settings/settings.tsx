/** The settings: a list of pages, and each page. */
import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";
import { useModel } from "../model-context.ts";
import { Avatar } from "../parts/avatar.tsx";
import { Icon, type IconName } from "../parts/icon.tsx";
import { move } from "../place.ts";
import { useWords } from "../preferences.ts";
import { PaneHead } from "../sidebar/pane-head.tsx";
import { personName } from "../text/names.ts";
import { Account, Profile } from "./account.tsx";
import { Data, LogOut } from "./data.tsx";
import { Help } from "./help.tsx";
import { Invite } from "./invite.tsx";
import { Looks, Notices } from "./looks.tsx";
import { Privacy } from "./privacy.tsx";
import { Sessions } from "./sessions.tsx";

const pages = {
  profile: { icon: "person", view: Profile },
  account: { icon: "lock", view: Account },
  sessions: { icon: "devices", view: Sessions },
  privacy: { icon: "shield", view: Privacy },
  notices: { icon: "bell", view: Notices },
  looks: { icon: "globe", view: Looks },
  invite: { icon: "gift", view: Invite },
  data: { icon: "box", view: Data },
  help: { icon: "help", view: Help },
} as const satisfies Readonly<Record<string, { icon: IconName; view: () => JSX.Element | ComponentChildren }>>;
type PageName = keyof typeof pages;

const isPage = (name: string): name is PageName => Object.hasOwn(pages, name);

export function Settings({ page }: { page: string | undefined }) {
  const words = useWords();
  const model = useModel();
  const [leaving, setLeaving] = useState(false);
  if (page !== undefined && isPage(page)) {
    const View = pages[page].view;
    return (
      <>
        <PaneHead title={words[page]} up="settings" />
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached by the keyboard */}
        <div class="pane-body padded" tabIndex={0}>
          <View />
        </div>
      </>
    );
  }
  const me = model.me.value;
  const name = me === undefined ? "" : personName(words, me, me.userId);
  const names = Object.keys(pages).filter(isPage);
  return (
    <>
      <PaneHead title={words.settings} />
      <div class="pane-body">
        {me !== undefined && (
          <div class="settings-me">
            <Avatar id={me.userId} name={name} address={me.avatar} size={64} />
            <span>
              <b>
                <bdi>{name}</bdi>
              </b>
              <span class="quiet">{me.loginName ?? words.yourNumberIs(me.userId)}</span>
            </span>
          </div>
        )}
        <ul class="rows">
          {names.map((one) => (
            <li key={one}>
              <button type="button" class="setting-link" onClick={() => move({ side: `settings.${one}` })}>
                <Icon name={pages[one].icon} />
                <span>
                  <b>{words[one]}</b>
                  <span class="quiet">{words[`${one}Hint`]}</span>
                </span>
                <Icon name="forward" turns />
              </button>
            </li>
          ))}
        </ul>
        <button type="button" class="row-button danger" onClick={() => setLeaving(true)}>
          <Icon name="leave" turns />
          {words.logOut}
        </button>
        {leaving && <LogOut onClose={() => setLeaving(false)} />}
      </div>
    </>
  );
}
