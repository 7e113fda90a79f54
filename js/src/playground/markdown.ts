// What a model wrote, as Markdown.
import { type Child, h } from "../dom";
import { blocks } from "../markdown";
import type { Play } from "./play";

export function markdown({ story }: Play, leaf: string): Child {
  return h("div.gw-markdown", { dir: "auto" }, () => {
    void story.grown.value;
    const own = story.entries.value.get(leaf);
    const text = story
      .path(leaf)
      .filter(([node]) => story.entries.peek().get(node)?.kind !== "prompt" || own?.kind === "prompt")
      .map(([node, from, to]) =>
        story
          .tokens(node)
          .texts.slice(0, to - from)
          .join(""),
      )
      .join("");
    return blocks(text);
  });
}
