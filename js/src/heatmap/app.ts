// The layout: one row of controls; the overview left and the chosen head large beside it; the text under both.
// Under 900 pixels of the widget's own width they stack (heatmap.css). Room is kept before anything is there.
import { computed, type Signal } from "@preact/signals-core";
import { type Child, follow, h, onEnd } from "../dom";
import type { HeatTraits } from "../model";
import { iconButton } from "../ui";
import { arithmetic } from "./arithmetic/panel";
import { kindAndCaption, notesOf } from "./caption";
import { cause } from "./cause";
import { controls } from "./controls";
import { keepPicture } from "./export";
import { headTitle } from "./format";
import { legend } from "./legend";
import { mountMatrix } from "./matrix";
import { overview } from "./overview";
import type { Panels } from "./panels";
import { roomOf } from "./room";
import { front, frontOf, notes } from "./states";
import { text } from "./text";
import { tip } from "./tip";

export function app(panels: Panels): void {
  const { root, traits, matrix } = panels;
  const there = computed(() => traits.length.value > 0);
  const waiting = computed(() => frontOf(traits.status.value, there.value));
  const room = computed(() => {
    const { layers = [], n_heads: heads = 0 } = traits.info.value;
    const size = { width: panels.width.value, height: traits.height.value, type: panels.type.value - 2 };
    return roomOf(layers, heads, traits.aggregates.value, size);
  });
  const observer = new ResizeObserver(() => {
    panels.width.value = root.clientWidth;
    panels.depth.value = root.clientHeight;
  });
  observer.observe(root);
  onEnd(() => observer.disconnect());
  const host = h("div.gw-matrix");
  const large = {
    ...panels,
    palette: computed(() => panels.shown.value.palette),
    traits: { ...traits, query: marking(panels, "query", 0), key: marking(panels, "key", 1) },
  };
  root.append(
    h(
      "div.gw-all",
      {},
      () => traits.title.value !== "" && h("h2.gw-title", {}, traits.title.value),
      controls(panels),
      notes(panels),
      cause(panels),
      h(
        "div.gw-pictures",
        {
          "data-front": () => waiting.value,
          "data-blank": () => !there.value,
          "data-beside": () => room.value.beside,
        },
        overview(panels),
        h(
          "section.gw-head",
          { "aria-label": "Chosen head" },
          h(
            "header",
            {},
            h(
              "div.gw-bar",
              {},
              heading(traits),
              h("span.gw-push"),
              iconButton("plus", "Closer", () => matrix.peek()?.zoomBy(2)),
              iconButton("minus", "Further away", () => matrix.peek()?.zoomBy(0.5)),
              iconButton("whole", "The whole head", () => matrix.peek()?.reset()),
            ),
            h(
              "div.gw-caption",
              {},
              legend(large),
              h("p", {}, () => kindAndCaption(traits)[1]),
              h("p.gw-quiet", {}, () =>
                notesOf(traits, matrix.value?.sampled.value ?? false, panels.shown.value.stage).join(" · "),
              ),
            ),
          ),
          host,
        ),
        front(panels),
      ),
      arithmetic(panels),
      () => waiting.value !== "empty" && text(large),
    ),
    tip(panels),
    h("p.gw-hidden", { "aria-live": "polite" }, () => traits.sentence.value),
  );
  follow(() => {
    const { status, layer, head, presentation, height, title } = traits;
    Object.assign(root.dataset, { status: status.value, layer: layer.value, head: head.value });
    root.classList.toggle("gw-presentation", presentation.value);
    root.toggleAttribute("data-switching", traits.switching.value);
    const { wide, deep } = room.value;
    root.style.cssText = `--gw-height:${height.value}px;--gw-wanted:${wide}px;--gw-deep:${deep}px`;
    root.setAttribute("aria-label", title.value || "Attention heatmap");
    root.setAttribute("aria-busy", String(waiting.value === "busy"));
  });
  matrix.value = mountMatrix(host, large);
  onEnd(() => {
    matrix.value = null;
  });
  keepPicture(large);
}

/** A chosen place as a view marks it, perhaps a moment later; whoever asks or writes has the trait itself. */
function marking({ traits, marked }: Panels, name: "query" | "key", at: 0 | 1): Signal<number | null> {
  return {
    get value() {
      return marked.value[at];
    },
    set value(to) {
      traits[name].value = to;
    },
    peek: () => traits[name].peek(),
  } as Signal<number | null>;
}

function heading(traits: HeatTraits): Child {
  return h(
    "h3",
    {},
    () => (traits.length.value > 0 ? headTitle(traits.layer.value, traits.head.value) : "Chosen head"),
    h("span.gw-kind", {}, () => kindAndCaption(traits)[0]),
    h("span.gw-quiet", {}, () => traits.info.value.name),
  );
}
