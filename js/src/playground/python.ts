// "Copy as Python": code that writes the same text again.
import { computed, signal } from "@preact/signals-core";
import { type Child, h } from "../dom";
import { button, choice, iconButton, popover } from "../ui";
import type { Play } from "./play";

type Dialect = "gptwidgets" | "alone";

export function asPython(play: Play): Child {
  const { traits, wire } = play;
  const code = signal<Readonly<Partial<Record<Dialect, string>>>>({});
  const words = signal("");
  const dialect = signal<Dialect>("gptwidgets");
  const shown = computed(() => code.value[dialect.value] ?? "");
  const fetch = async (): Promise<void> => {
    words.value = "";
    const leaf = traits.leaf.peek();
    try {
      const { content } = await wire.request("code", leaf ? { leaf } : {});
      code.value = {
        gptwidgets: String(content["gptwidgets"]),
        alone: String(content["transformers"] ?? content["openai"]),
      };
    } catch (error) {
      words.value = (error as Error).message;
    }
  };
  return popover(
    (onclick, props) =>
      iconButton(
        "save",
        "Copy as Python",
        () => {
          void fetch();
          onclick();
        },
        props,
      ),
    () => [
      h(
        "div.gw-bar",
        {},
        h("h3", {}, "As Python"),
        choice("With", dialect, [
          ["gptwidgets", "gptwidgets"],
          ["alone", traits.info.peek().can?.includes("ids") ? "transformers alone" : "openai alone"],
        ]),
        h("span.gw-push"),
        button("Copy", () => copy(shown.peek(), words), { disabled: () => shown.value === "" }),
      ),
      h("pre.gw-code", { tabindex: 0 }, () => shown.value || "…"),
      h("p.gw-quiet", { role: "status" }, () => words.value),
    ],
  );
}

/** Pages on plain http have no clipboard; there a selection is made, and copied the old way. */
async function copy(text: string, words: { value: string }): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    words.value = "Copied.";
  } catch {
    const field = h("textarea", { value: text }) as HTMLTextAreaElement;
    document.body.append(field);
    field.select();
    words.value = document.execCommand("copy")
      ? "Copied."
      : "The browser does not allow it: select and copy by hand.";
    field.remove();
  }
}
