// Templates for what GPTs are used for, and one's own.
import { batch, type Signal, signal } from "@preact/signals-core";
import { type Child, h } from "../dom";
import { button, pick, popover } from "../ui";
import type { Play } from "./play";
import { type Preset, rulesOf, takeRules } from "./traits";

export function presets(play: Play): Child {
  const { traits, ask } = play;
  const fits = (): readonly Preset[] =>
    traits.presets.value.filter(({ kind }) => (kind === "chat") === traits.chat.value);
  const take = (wanted: string): void => {
    const preset = fits().find((one) => one.name === wanted);
    if (!preset) return;
    batch(() => {
      if (preset.messages) traits.messages.value = preset.messages;
      if (preset.prompt !== undefined) traits.prompt.value = preset.prompt;
      takeRules(traits, preset.sampling ?? {});
      traits.leaf.value = "";
      traits.token.value = null;
    });
  };
  // A list that is an order and not a state: it springs back to its name.
  const chosen = {
    get value() {
      return "";
    },
    set value(wanted: string) {
      take(wanted);
    },
  } as Signal<string>;
  const list = pick("Presets", chosen, () => [
    ["", "Presets"],
    ...fits().map((one) => [one.name, one.own ? `${one.name} (yours)` : one.name] as const),
  ]);
  const name = signal("");
  const save = (close: () => void): Child => {
    const field = h("input.gw-replace", {
      type: "text",
      "aria-label": "Name of the preset",
      placeholder: "a name for it",
      value: name.peek(),
      oninput: () => {
        name.value = field.value;
      },
    }) as HTMLInputElement;
    const keep = async (): Promise<void> => {
      const kind = traits.chat.peek() ? "chat" : "text";
      const text = kind === "chat" ? { messages: traits.messages.peek() } : { prompt: traits.prompt.peek() };
      const done = await ask("preset", {
        save: { name: name.peek(), kind, ...text, sampling: rulesOf(traits) },
      });
      if (done) close();
    };
    return h(
      "div.gw-form",
      {},
      h("p", {}, "Keeps the prompt and the settings as a file of yours."),
      h(
        "div.gw-group",
        {},
        field,
        button("Save", () => void keep(), { disabled: () => name.value.trim() === "" }),
      ),
      () =>
        traits.presets.value
          .filter(({ own }) => own)
          .map((one) =>
            h(
              "div.gw-bar",
              {},
              h("span", {}, one.name),
              h("span.gw-push"),
              button("Delete", () => void ask("preset", { delete: one.name })),
            ),
          ),
    );
  };
  return h(
    "div.gw-group",
    {
      onchange: ({ target }: Event) => {
        if (target instanceof HTMLSelectElement) target.value = "";
      },
    },
    list,
    popover((onclick, props) => button("Save…", onclick, { title: "Save as a preset", ...props }), save),
  );
}
