/** Before the log-in: log in, create an account, set a new password, or take over a log-in by a link. */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { useModel } from "../model-context.ts";
import { Field, Form } from "../parts/form.tsx";
import { Mark } from "../parts/mark.tsx";
import { errand } from "../place.ts";
import { sentenceOf, useWords } from "../preferences.ts";
import { serverName } from "../server-name.ts";

type View = "log-in" | "register" | "reset" | "link";

function Frame({ title, lead, children }: { title: string; lead?: string; children: ComponentChildren }) {
  return (
    <main class="entry">
      <div class="entry-card">
        <div class="entry-head">
          <Mark />
          <h1>
            <bdi>{title}</bdi>
          </h1>
          {lead !== undefined && <p class="quiet">{lead}</p>}
        </div>
        {children}
      </div>
    </main>
  );
}

function Switch({ question, action, onClick }: { question: string; action: string; onClick: () => void }) {
  return (
    <p class="entry-switch">
      {question}{" "}
      <button type="button" class="link" onClick={onClick}>
        {action}
      </button>
    </p>
  );
}

function LogIn({ go, note }: { go: (view: View) => void; note: string | undefined }) {
  const words = useWords();
  const model = useModel();
  const why = model.why.value;
  return (
    <Frame title={words.welcome(serverName(model))} lead={words.entryLead}>
      <div role="status">{why !== undefined && <p class="notice">{sentenceOf(words, why)}</p>}</div>
      <div role="status">{note !== undefined && <p class="notice">{note}</p>}</div>
      <Form
        submit={words.logIn}
        onSubmit={({ name = "", password = "" }) => model.logIn({ name: name.trim(), password })}
      >
        <Field
          label={words.logInName}
          name="name"
          hint={words.logInNameHint}
          required
          maxLength={128}
          autocomplete="username"
          autofocus
        />
        <Field label={words.password} name="password" type="password" required autocomplete="current-password" />
      </Form>
      <Switch question={words.newHere} action={words.makeAccount} onClick={() => go("register")} />
      <p class="entry-switch">
        <button type="button" class="link" onClick={() => go("reset")}>
          {words.forgot}
        </button>
      </p>
    </Frame>
  );
}

function Register({ go }: { go: (view: View) => void }) {
  const words = useWords();
  const model = useModel();
  const server = model.server.value;
  const length = server?.passwordLengthMin ?? 8;
  const invite = errand.value?.kind === "invite" ? errand.value.value : "";
  const back = <Switch question={words.haveAccount} action={words.logIn} onClick={() => go("log-in")} />;
  if (server?.registration === "off") {
    return (
      <Frame title={words.makeAccount}>
        <p class="notice">{words.registrationClosed}</p>
        {back}
      </Frame>
    );
  }
  const byInvite = server?.registration === "invite" || invite !== "";
  return (
    <Frame title={words.makeAccount} {...(server === undefined ? {} : { lead: words.welcome(server.name) })}>
      {byInvite && invite === "" && <p class="notice">{words.inviteNeeded}</p>}
      <Form
        submit={words.makeAccount}
        onSubmit={async (fields) => {
          const { name = "", password = "", loginName = "", code = "" } = fields;
          const done = await model.register({
            name: name.trim(),
            password,
            ...(loginName.trim() === "" ? {} : { loginName: loginName.trim() }),
            ...(code.trim() === "" ? {} : { invite: code.trim() }),
          });
          if (done.ok) errand.value = undefined;
          return done;
        }}
      >
        {byInvite && (
          <Field label={words.inviteCode} name="code" value={invite} required maxLength={256} autocomplete="off" />
        )}
        <Field
          label={words.nick}
          name="name"
          hint={words.nickHint}
          required
          maxLength={128}
          autocomplete="nickname"
          autofocus
        />
        <Field
          label={words.loginNameOptional}
          name="loginName"
          hint={words.loginNameHint}
          maxLength={32}
          autocomplete="username"
        />
        <Field
          label={words.password}
          name="password"
          type="password"
          required
          minLength={length}
          hint={words.passwordHint(length)}
          autocomplete="new-password"
        />
      </Form>
      {back}
    </Frame>
  );
}

function Reset({ go, onDone }: { go: (view: View) => void; onDone: () => void }) {
  const words = useWords();
  const model = useModel();
  const code = errand.value?.kind === "reset" ? errand.value.value : "";
  const [asked, setAsked] = useState(code !== "");
  const [name, setName] = useState("");
  const length = model.server.value?.passwordLengthMin ?? 8;
  const back = (
    <p class="entry-switch">
      <button type="button" class="link" onClick={() => go("log-in")}>
        {words.back}
      </button>
    </p>
  );
  if (!asked) {
    return (
      <Frame title={words.resetTitle} lead={words.resetLead}>
        <Form
          submit={words.resetAskCode}
          onSubmit={async ({ name: whose = "" }) => {
            setName(whose.trim());
            const done = await model.forgotPassword(whose.trim());
            if (done.ok) setAsked(true);
            return done;
          }}
        >
          <Field
            label={words.logInName}
            name="name"
            hint={words.logInNameHint}
            required
            maxLength={128}
            autocomplete="username"
            autofocus
          />
        </Form>
        <p class="entry-switch">
          <button type="button" class="link" onClick={() => setAsked(true)}>
            {words.resetHaveCode}
          </button>
        </p>
        {back}
      </Frame>
    );
  }
  return (
    <Frame title={words.resetTitle} {...(code === "" ? { lead: words.resetAskOperator } : {})}>
      {name !== "" && <p class="notice">{words.resetSent}</p>}
      <Form
        submit={words.resetTitle}
        onSubmit={(fields) => {
          const { name: whose = "", code: given = "", password = "" } = fields;
          return model.resetPassword({ name: whose.trim(), code: given.trim(), password });
        }}
        onSuccess={onDone}
      >
        <Field
          label={words.logInName}
          name="name"
          value={name}
          required
          maxLength={128}
          autocomplete="username"
          autofocus={name === ""}
        />
        <Field label={words.resetCode} name="code" value={code} required maxLength={256} autocomplete="one-time-code" />
        <Field
          label={words.newPassword}
          name="password"
          type="password"
          required
          minLength={length}
          hint={words.passwordHint(length)}
          autocomplete="new-password"
        />
      </Form>
      {back}
    </Frame>
  );
}

function ByLink({ link, go }: { link: string; go: (view: View) => void }) {
  const words = useWords();
  const model = useModel();
  return (
    <Frame title={words.linkTitle} lead={words.linkLead}>
      <Form
        submit={words.logIn}
        onSubmit={async () => {
          const done = await model.logInByLink(link);
          if (done.ok) errand.value = undefined;
          return done;
        }}
      >
        {null}
      </Form>
      <p class="entry-switch">
        <button type="button" class="link" onClick={() => go("log-in")}>
          {words.cancel}
        </button>
      </p>
    </Frame>
  );
}

const viewOf = { invite: "register", reset: "reset", link: "link" } as const;

export function Entry() {
  const words = useWords();
  const [chosen, setChosen] = useState<View>();
  const [note, setNote] = useState<string>();
  const go = (view: View) => {
    setNote(undefined);
    if (view === "log-in") errand.value = undefined;
    setChosen(view);
  };
  const task = errand.value;
  const view = chosen ?? (task === undefined ? "log-in" : viewOf[task.kind]);
  if (view === "register") return <Register go={go} />;
  if (view === "link" && task !== undefined) return <ByLink link={task.value} go={go} />;
  if (view === "reset") {
    return (
      <Reset
        go={go}
        onDone={() => {
          go("log-in");
          setNote(words.resetDone);
        }}
      />
    );
  }
  return <LogIn go={go} note={note} />;
}
