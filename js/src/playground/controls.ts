// The one row of controls: what to go on from, run and stop, undo, and how the text is coloured.
import type { Signal } from "@preact/signals-core";
import { type Child, h } from "../dom";
import { button, choice, type Key, type Options, pick, sizeAndKeys, toggle } from "../ui";
import { send } from "./chat";
import { legend } from "./legend";
import { layersButton } from "./lens";
import type { Mode, Play } from "./play";
import { presets } from "./presets";
import { run } from "./prompt";
import { asPython } from "./python";
import type { Coloring } from "./traits";

const COLORS: Options<Coloring> = [
  ["probability", "Probability"],
  ["rank", "Rank"],
  ["entropy", "Entropy"],
  ["surprise", "Surprise"],
  ["none", "No colours"],
];
const ATTENTION: Options<Coloring>[number] = ["attention", "Attention"];
const DIFFERENCE: Options<Coloring>[number] = ["difference", "Change"];

/** What the keys do, by the part that has the focus. */
const KEYS: readonly Key[] = [
  ["Prompt", "Ctrl Enter", "run"],
  ["Text", "← → ↑ ↓", "go from token to token"],
  ["", "Enter", "keep a token; its alternatives are buttons"],
  ["", "Escape", "let it go"],
  ["Layers", "← → ↑ ↓", "go from word to word"],
  ["", "Enter", "choose one; a linked heatmap shows its layer and token"],
  ["Tree", "← → ↑ ↓", "walk"],
  ["", "Enter", "continue"],
  ["", "F2", "name"],
  ["", "C, Ctrl + click", "compare side by side"],
  ["", "Delete", "prune, and bring back"],
];

export function controls(play: Play): Child {
  const { traits, running, scoring, story, ask, mode } = play;
  const { presentation, status } = traits;
  const away = (): boolean =>
    status.value === "loading" || status.value === "closed" || play.connection.value === "silent";
  const shown = (): boolean => story.entries.value.has(traits.leaf.value);
  // A head's attention comes from a heatmap that is linked; a difference is there where something is changed.
  const colors = (): Options<Coloring> => {
    const { value: color } = traits.color;
    const more: Options<Coloring>[number][] = [];
    if (traits.attentionOf.value.words || color === "attention") more.push(ATTENTION);
    if (traits.under.value || color === "difference") more.push(DIFFERENCE);
    return [...COLORS, ...more];
  };
  const which = {
    get value(): Mode {
      return mode.value;
    },
    set value(to: Mode) {
      scoring.value = to === "score";
      if (to === "score" || traits.chat.peek() === (to === "chat")) return;
      traits.chat.value = to === "chat";
      play.show(""); // a text is no answer in a talk, nor the other way round; both stay in the tree
    },
  } as Signal<Mode>;
  const modes = (): Options<Mode> => {
    const { chat, cannot } = traits.info.value;
    const all: (readonly [Mode, string, string])[] = [];
    if (!cannot?.["text"]) all.push(["text", "Text", "Go on from a text"]);
    if (chat) all.push(["chat", "Chat", "Talk, by the model's own chat template"]);
    if (!cannot?.["score"]) all.push(["score", "Score", "Which tokens of a text surprise the model"]);
    return all;
  };
  return h(
    "div.gw-controls",
    { role: "toolbar", "aria-label": "Controls" },
    () => choice("What to do", which, modes()),
    () => mode.value !== "score" && writing(),
    h("span.gw-push"),
    h("div.gw-group", {}, pick("Colours", traits.color, colors), legend(play)),
    h(
      "div.gw-group",
      {},
      () =>
        mode.value !== "score" &&
        toggle("Markdown", "Show headings, emphasis, lists and code", traits.markdown),
      () => mode.value !== "score" && layersButton(play),
      () => mode.value !== "score" && asPython(play),
      sizeAndKeys(presentation, KEYS),
    ),
  );

  function writing(): Child {
    return [
      presets(play),
      h(
        "div.gw-group",
        {},
        // Run and Stop have one place, so that nothing jumps under the pointer.
        () =>
          running.value
            ? button("Stop", () => void ask("stop"), { class: "gw-button gw-accent gw-run" })
            : button("Run", () => (mode.peek() === "chat" ? send(play) : run(play)), {
                class: "gw-button gw-accent gw-run",
                disabled: away,
                title: "Go on from the prompt (Ctrl + Enter)",
              }),
        button("Continue", () => void ask("continue", { leaf: traits.leaf.peek() }), {
          disabled: () => away() || running.value || !shown(),
          title: "Go on from the end of the shown text",
        }),
        button("Undo", () => void ask("undo"), { disabled: () => away() || story.entries.value.size === 0 }),
        button("Clear", () => void ask("clear"), {
          disabled: () => away() || story.entries.value.size === 0,
          title: "Hide all texts; Undo brings them back",
        }),
      ),
    ];
  }
}
