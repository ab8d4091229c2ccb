/** One's name and picture; one's log-in name and password. */
import { useModel } from "../model-context.ts";
import { Field, Form } from "../parts/form.tsx";
import { PicturePicker } from "../parts/picture-picker.tsx";
import { useWords } from "../preferences.ts";
import { personName } from "../text/names.ts";

export function Profile() {
  const words = useWords();
  const model = useModel();
  const me = model.me.value;
  if (me === undefined) return null;
  return (
    <>
      <PicturePicker
        id={me.userId}
        name={personName(words, me, me.userId)}
        address={me.avatar}
        onChange={model.setPicture}
      />
      <Form
        key={me.name}
        submit={words.save}
        success={words.saved}
        onSubmit={({ name = "" }) => model.setNick(name.trim())}
      >
        <Field
          label={words.nick}
          name="name"
          value={me.name}
          hint={words.nickHint}
          required
          maxLength={128}
          autocomplete="nickname"
        />
      </Form>
      <p class="note">{words.yourNumber(me.userId)}</p>
    </>
  );
}

export function Account() {
  const words = useWords();
  const model = useModel();
  const me = model.me.value;
  const length = model.server.value?.passwordLengthMin ?? 8;
  return (
    <>
      <section>
        <h2 class="list-title">{words.loginName}</h2>
        <Form
          key={me?.loginName}
          submit={words.save}
          success={words.saved}
          onSubmit={({ loginName = "", password = "" }) =>
            model.setLoginName(password, loginName.trim() === "" ? undefined : loginName.trim())
          }
        >
          <Field
            label={words.loginName}
            name="loginName"
            value={me?.loginName ?? ""}
            hint={words.loginNameHint}
            maxLength={32}
            autocomplete="username"
          />
          <Field label={words.password} name="password" type="password" required autocomplete="current-password" />
        </Form>
      </section>
      <section>
        <h2 class="list-title">{words.changePassword}</h2>
        <Form
          submit={words.changePassword}
          success={words.passwordChanged}
          onSubmit={({ old = "", next = "", endOthers }) =>
            model.setPassword({ old, next, endOthers: endOthers !== undefined })
          }
        >
          <Field label={words.oldPassword} name="old" type="password" required autocomplete="current-password" />
          <Field
            label={words.newPassword}
            name="next"
            type="password"
            required
            minLength={length}
            hint={words.passwordHint(length)}
            autocomplete="new-password"
          />
          <label class="check">
            <input type="checkbox" name="endOthers" />
            {words.endOthers}
          </label>
        </Form>
      </section>
    </>
  );
}
