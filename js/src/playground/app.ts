// The layout: one row of controls; the text on the left, what could have stood there and the sliders on the right
// (under 900 pixels of the widget's own width below it); the tree and the figures under both.
import { type Child, follow, h } from "../dom";
import { beams } from "./beams";
import { chat } from "./chat";
import { controls } from "./controls";
import { because } from "./figures";
import { knobs } from "./knobs";
import { lensPanel } from "./lens";
import { linkPointed, under } from "./linked";
import type { Play } from "./play";
import { prompt } from "./prompt";
import { scoring } from "./score";
import { sequences } from "./sequences";
import { side } from "./side";
import { front, notes } from "./states";
import { status } from "./status";
import { tree } from "./tree";

export function app(play: Play): void {
  const { root, traits, mode, story } = play;
  root.append(
    h(
      "div.gw-all",
      {},
      () => traits.title.value !== "" && h("h2.gw-title", {}, traits.title.value),
      controls(play),
      notes(play),
      under(play),
      h(
        "div.gw-desk",
        {},
        // Each in one element: what a part puts in later goes with it.
        h("main.gw-main", {}, (): Child => {
          if (mode.value === "score") return h("div.gw-stage", {}, scoring(play));
          if (mode.value === "chat") return h("div.gw-stage", {}, chat(play));
          return h("div.gw-stage", {}, prompt(play), sequences(play));
        }),
        h("aside.gw-aside", {}, side(play), () => mode.value !== "score" && knobs(play)),
        front(play),
      ),
      () => mode.value !== "score" && h("div", {}, lensPanel(play), beams(play), tree(play)),
      status(play),
    ),
    h("p.gw-hidden", { "aria-live": "polite" }, () => finished(play)),
  );
  linkPointed(play);
  follow(() => {
    const { presentation, height, title, leaf } = traits;
    void story.grown.value;
    const tokens = String(story.length(leaf.value));
    Object.assign(root.dataset, { status: traits.status.value, node: leaf.value, tokens });
    root.classList.toggle("gw-presentation", presentation.value);
    root.style.setProperty("--gw-height", `${height.value}px`);
    root.setAttribute("aria-label", title.value || "Playground");
    root.setAttribute("aria-busy", String(play.running.value));
  });
}

const HEARD = 600; // characters that are read out

/** What a screen reader hears when a run has ended: the sentence, not each token of it. */
function finished({ story, traits }: Play): string {
  const entry = story.entries.value.get(traits.leaf.value);
  if (!entry || entry.running || entry.kind !== "written" || traits.status.value === "running") return "";
  const { texts } = story.tokens(entry.id);
  const text = texts.join("").trim().slice(0, HEARD);
  return `${text}. ${texts.length} tokens${entry.reason ? `, ${because(entry.reason)}` : ""}.`;
}
