// The prompt's editor. It stands right above what is written and looks the same, so that both read as one text.
import { type Child, follow, h } from "../dom";
import type { Play } from "./play";

/** Keeps a field as high as its text, where the browser does not do so itself. */
export function heighten(field: HTMLElement): void {
  if (globalThis.CSS?.supports?.("field-sizing", "content")) return;
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight + 2}px`;
}

export function prompt(play: Play): Child {
  const { traits } = play;
  const field = h("textarea.gw-prompt", {
    rows: 1,
    dir: "auto",
    spellcheck: "false",
    "aria-label": "Prompt",
    placeholder: "Once upon a time",
    oninput: () => {
      traits.prompt.value = field.value;
      heighten(field);
    },
    onkeydown: (event: KeyboardEvent) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey || event.shiftKey)) return;
      event.preventDefault();
      event.stopPropagation();
      run(play);
    },
  }) as HTMLTextAreaElement;
  follow(() => {
    if (field.value !== traits.prompt.value) field.value = traits.prompt.value;
    queueMicrotask(() => heighten(field));
  });
  return field;
}

/** A run from the prompt, or from the messages. */
export function run(play: Play): void {
  const { traits } = play;
  if (traits.status.peek() === "loading" || traits.status.peek() === "closed") return;
  void play.ask("run");
}
