// Something else in the place of a token: the story is told anew from there, or its rest stays as it was written.
import { type Child, h } from "../dom";
import { button } from "../ui";
import type { Play } from "./play";

/** A field under the alternatives of the kept token: what stands there instead, and what becomes of the rest. */
export function replacement(play: Play): Child {
  const { traits, story, ask } = play;
  const field = h("input.gw-replace", {
    type: "text",
    dir: "auto",
    spellcheck: "false",
    "aria-label": "Something else here",
    placeholder: "or other words here",
  }) as HTMLInputElement;
  const edit = async (rest: boolean): Promise<void> => {
    const at = traits.token.peek();
    const node = traits.leaf.peek();
    if (at === null) return;
    const end = rest ? Math.min(at + 1, story.length(node)) : story.length(node);
    const edited = await ask("edit", { node, at, end, text: field.value, scored: rest });
    const leaf = edited?.content["node"];
    if (!rest && typeof leaf === "string") await ask("continue", { leaf });
  };
  const goOn = (): void => {
    if (field.value !== "") void edit(false);
  };
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    event.stopPropagation();
    goOn();
  });
  return h(
    "div.gw-replacing",
    {},
    field,
    button("Go on", goOn, { title: "The model tells the story anew from here (Enter)" }),
    button("Keep the rest", () => void edit(true), {
      title:
        "Only this token is replaced, or taken out where nothing is written; the model reads the rest anew. " +
        "A branch of its own: the old text stays.",
    }),
  );
}
