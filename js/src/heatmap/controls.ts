// The one row of controls: which head, how it is coloured, what is left out, and what can be done with it.
import { computed, type Signal } from "@preact/signals-core";
import { type Child, h } from "../dom";
import type { Colormap, Scale, Stage, Which } from "../model";
import {
  button,
  choice,
  iconButton,
  type Key,
  type Options,
  pick,
  popover,
  sizeAndKeys,
  toggle,
} from "../ui";
import { modeButton } from "./cause";
import { exportAs, FORMATS } from "./export";
import { placeOf } from "./layout";
import type { Panels } from "./panels";

const SCALES: Options<Scale> = [
  ["linear", "linear", "Linear scale"],
  ["sqrt", "√", "Square-root scale: small weights show"],
  ["log", "log", "Logarithmic scale: four decades"],
];

/** What the large picture shows, on the way to the weights and from them to the output. */
const STAGES: Options<Stage> = [
  ["raw", "q · k"],
  ["scaled", "q · k · scale"],
  ["masked", "logits"],
  ["softmax", "weights"],
  ["value-weighted", "weight × value"],
];

const COLORMAPS: Options<Colormap> = [
  ["auto", "Colours"],
  ["viridis", "Viridis"],
  ["cividis", "Cividis"],
  ["magma", "Magma"],
  ["grey", "Grey"],
];

const SINK =
  "Most heads rest on the first token when they have nothing to say. " +
  "This leaves it out and renormalises each row over the others.";

const ARROWS = "← → ↑ ↓";

/** What the keys do, by the part that has the focus. */
const KEYS: readonly Key[] = [
  ["Overview", ARROWS, "choose a head"],
  ["", "Home End", "the layer's ends; with Ctrl the first, the last head"],
  ["", "Page ↑ ↓", "a page of layers"],
  ["", "x", "switch the head off, or on again"],
  ["Head", ARROWS, "move"],
  ["", "+ −", "zoom; also by wheel, pinch, or a box with Shift"],
  ["", "0", "the whole head"],
  ["", "Enter", "choose a cell: its arithmetic"],
  ["Arithmetic", ARROWS, "go from number to number"],
  ["", ", .", "one step less, one more"],
  ["Text", ARROWS, "go to a token"],
  ["", "Enter", "keep it, or let it go"],
];

export function controls(panels: Panels): Child {
  const { traits } = panels;
  const { presentation } = traits;
  return h(
    "div.gw-controls",
    { role: "toolbar", "aria-label": "Controls" },
    stepper(panels),
    () => staging(traits),
    choice("Scale", traits.scale, SCALES),
    () =>
      !traits.info.value.signed && [
        pick("Colours", traits.colormap, () => COLORMAPS),
        toggle("Hide first token", SINK, traits.hideSink),
      ],
    () => modeButton(panels),
    h("span.gw-push"),
    h(
      "div.gw-group",
      {},
      popover(
        (onclick, props) => iconButton("save", "Export", onclick, props),
        (close) =>
          FORMATS.map(([format, name, about]) => {
            const go = (): void => {
              close();
              exportAs(format, panels).catch((error: Error) => {
                panels.said.value = error.message;
              });
            };
            return button([h("b", {}, name), h("span.gw-quiet", {}, about)], go);
          }),
      ),
      sizeAndKeys(presentation, KEYS),
    ),
  );
}

/** Means and maxima have their weights only: nothing to choose. */
function staging(traits: Panels["traits"]): Child {
  const { stages = [], following } = traits.info.value;
  const merged = [traits.layer.value, traits.head.value].some((which) => typeof which !== "number");
  if (stages.length < 2 || following || merged) return false;
  return pick("What the large picture shows", traits.stage, () =>
    STAGES.filter(([name]) => stages.includes(name)),
  );
}

function stepper(panels: Panels): Child {
  const { traits, arrangement } = panels;
  const step = (by: number) => (): void => {
    const { cells } = arrangement.peek();
    const at = placeOf(arrangement.peek(), traits.layer.peek(), traits.head.peek());
    panels.choose(cells[(at + by + cells.length) % cells.length]);
  };
  const numbered = (word: string, numbers: readonly Which[]): Options<string> => [
    ...numbers.map((one) => [`${one}`, `${word} ${one}`] as const),
    ["mean", `${word} mean`],
    ["max", `${word} max`],
  ];
  const { info } = traits;
  return h(
    "div.gw-group.gw-stepper",
    {},
    iconButton("back", "Previous head", step(-1)),
    pick("Layer", asText(traits.layer), () => numbered("Layer", info.value.layers ?? [traits.layer.value])),
    pick("Head", asText(traits.head), () =>
      numbered("Head", info.value.n_heads ? [...new Array(info.value.n_heads).keys()] : [traits.head.value]),
    ),
    iconButton("next", "Next head", step(1)),
  );
}

/** A layer or head as the text of a list. */
function asText(which: Signal<Which>): Signal<string> {
  const text = computed(() => String(which.value));
  return {
    get value() {
      return text.value;
    },
    set value(to: string) {
      which.value = to === "mean" || to === "max" ? to : Number(to);
    },
  } as Signal<string>;
}
