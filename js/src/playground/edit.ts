// Something else in the place of a token: the story is told anew from there.
import { type Child, h } from "../dom";
import { button } from "../ui";
import type { Play } from "./play";

/** A field under the alternatives of the kept token: what stands there instead, from there on. */
export function replacement(play: Play): Child {
  const { traits, story, ask } = play;
  const field = h("input.gw-replace", {
    type: "text",
    dir: "auto",
    spellcheck: "false",
    "aria-label": "Something else from here on",
    placeholder: "or write something else from here on",
  }) as HTMLInputElement;
  const go = async (): Promise<void> => {
    const at = traits.token.peek();
    const node = traits.leaf.peek();
    if (at === null || field.value === "") return;
    const edited = await ask("edit", { node, at, end: story.length(node), text: field.value });
    const leaf = edited?.content["node"];
    if (typeof leaf === "string") await ask("continue", { leaf });
  };
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    event.stopPropagation();
    void go();
  });
  return h(
    "div.gw-replacing",
    {},
    field,
    button("Go on", () => void go()),
  );
}
