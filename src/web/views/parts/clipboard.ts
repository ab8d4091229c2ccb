/** Copies `text`. Pages that came by plain HTTP have no clipboard of their own: a selection is copied there. */
export function copyText(text: string, within: HTMLElement): void {
  // `clipboard` is absent on plain HTTP, whatever the type says.
  const { clipboard } = navigator as { readonly clipboard?: Clipboard };
  if (clipboard !== undefined) {
    clipboard.writeText(text).catch(() => copySelection(text, within));
    return;
  }
  copySelection(text, within);
}

function copySelection(text: string, within: HTMLElement): void {
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "unseen";
  const focused = document.activeElement;
  within.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
  if (focused instanceof HTMLElement) focused.focus();
}
