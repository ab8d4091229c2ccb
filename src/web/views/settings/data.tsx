/** The export, the end of the account, and logging out. */
import { useState } from "preact/hooks";
import { forgetDrafts } from "../conversation/drafts.ts";
import { useModel } from "../model-context.ts";
import { Confirm, Dialog } from "../parts/dialog.tsx";
import { Field, Form } from "../parts/form.tsx";
import { go } from "../place.ts";
import { useWords } from "../preferences.ts";

export function LogOut({ onClose }: { onClose: () => void }) {
  const words = useWords();
  const model = useModel();
  const unsent = model.unsent.value;
  return (
    <Confirm
      title={words.logOutTitle}
      lead={unsent > 0 ? words.logOutUnsent(unsent) : words.logOutLead}
      yes={words.logOut}
      onYes={async () => {
        forgetDrafts();
        await model.logOut();
        go({}, "replace");
        return { ok: true };
      }}
      onClose={onClose}
    />
  );
}

function DeleteAccount({ onClose }: { onClose: () => void }) {
  const words = useWords();
  const model = useModel();
  return (
    <Dialog title={words.deleteAccount} onClose={onClose} class="small">
      <p>{words.deleteAccountLead}</p>
      <Form danger submit={words.deleteAccountConfirm} onSubmit={({ password = "" }) => model.deleteAccount(password)}>
        <Field label={words.password} name="password" type="password" required autocomplete="current-password" />
      </Form>
    </Dialog>
  );
}

export function Data() {
  const words = useWords();
  const model = useModel();
  const [pages, setPages] = useState(0);
  const [deleting, setDeleting] = useState(false);
  return (
    <>
      <section>
        <h2 class="list-title">{words.exportTitle}</h2>
        <p>{words.exportLead}</p>
        <Form
          submit={words.exportDo}
          success={words.exportDone}
          onSubmit={({ password = "" }) => model.exportAccount(password, setPages)}
          beside={pages > 0 && <span class="quiet">{words.exportPages(pages)}</span>}
        >
          <Field label={words.password} name="password" type="password" required autocomplete="current-password" />
        </Form>
      </section>
      <section>
        <h2 class="list-title">{words.deleteAccount}</h2>
        <p>{words.deleteAccountLead}</p>
        <button type="button" class="button danger" onClick={() => setDeleting(true)}>
          {words.deleteAccount}
        </button>
      </section>
      {deleting && <DeleteAccount onClose={() => setDeleting(false)} />}
    </>
  );
}
