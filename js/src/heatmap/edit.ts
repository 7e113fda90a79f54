// A field for the text. Ctrl+Enter or the button records it; Escape leaves it as it was.
import { signal } from "@preact/signals-core";
import { type Child, h } from "../dom";
import { button } from "../ui";
import type { Panels } from "./panels";

export function textEdit({ traits, editing, ask }: Panels): Child {
  const draft = signal(traits.text.peek());
  const change = editing.peek(); // otherwise it is the first text, and there is nothing to go back to
  const leave = (): void => {
    editing.value = false;
  };
  const apply = (): void => {
    if (draft.peek() === "") return;
    traits.query.value = null;
    traits.key.value = null;
    if (traits.text.peek() === draft.peek()) ask("again");
    else traits.text.value = draft.peek();
    leave();
  };
  const onkeydown = (event: KeyboardEvent): void => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) apply();
    else if (event.key === "Escape" && change) leave();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const field = h("textarea", {
    rows: 3,
    dir: "auto",
    spellcheck: "false",
    "aria-label": "Text",
    placeholder: "The animal didn't cross the street because it was too tired",
    value: draft.peek(),
    oninput: () => {
      draft.value = (field as HTMLTextAreaElement).value;
    },
    onkeydown,
  });
  if (change) queueMicrotask(() => field.focus());
  return h(
    "div.gw-edit",
    {},
    field,
    h(
      "div.gw-bar",
      {},
      h("span.gw-quiet", {}, "Ctrl + Enter"),
      h("span.gw-push"),
      change && button("Cancel", leave),
      h(
        "button.gw-button.gw-accent",
        { type: "button", onclick: apply, disabled: () => draft.value === "" },
        "Record",
      ),
    ),
  );
}
