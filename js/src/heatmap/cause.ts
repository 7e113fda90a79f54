// The cause behind a word: what is switched off, and what this does, each number beside the untouched one.
import { computed, type Signal, signal } from "@preact/signals-core";
import { type Child, h } from "../dom";
import type { Ablation, Compare, Effect, Sort } from "../model";
import { visible } from "../tokens";
import { button, choice, type Options, pick } from "../ui";
import { nameOf } from "./layout";
import type { Panels } from "./panels";
import { changeable, clear, flip, highest } from "./switching";

const ABLATIONS: Options<Ablation> = [
  ["mean", "to their mean"],
  ["zero", "to zero"],
  ["resample", "to other outputs"],
];

const PICTURES: Options<Compare> = [
  ["with", "with", "The pictures show the model with what is switched off"],
  ["without", "without", "The pictures show the untouched model"],
  ["difference", "difference", "With minus without, cell by cell"],
];

/** What each head does, in three ways that are no substitutes for each other. */
const MEASURED: readonly (readonly [Sort, string, string])[] = [
  [
    "effect",
    "Effect",
    "log P(next word | this head off) − log P(next word), in nats: along all paths (Michel et al. 2019)",
  ],
  [
    "direct",
    "Direct",
    "z W_O through the frozen final norm · the word's row of the output embedding, in logits: the direct path alone (Elhage et al. 2021)",
  ],
  [
    "value",
    "Value norm",
    "Σ ‖α v W_O‖ over the keys, a query: how much it writes, whatever for (Kobayashi et al. 2020)",
  ],
];

/** Heads that are named one by one; the rest is counted. */
const NAMED = 8;

/** The mode's button. */
export const modeButton = ({ traits }: Panels): Child =>
  changeable(traits) &&
  button(
    "Switch off",
    () => {
      traits.switching.value = !traits.switching.peek();
    },
    {
      title: "Click heads to switch them off (key x); draw a box on the map to cut edges",
      "aria-pressed": () => traits.switching.value,
    },
  );

export function cause(panels: Panels): Child {
  const { traits } = panels;
  const some = computed(() => traits.headsOff.value.length + traits.cut.value.length > 0);
  return () =>
    changeable(traits) &&
    (traits.switching.value || some.value || traits.undoable.value > 0) &&
    h(
      "section.gw-cause",
      { "aria-label": "What is switched off, and its effect" },
      h(
        "div.gw-bar.gw-changes",
        {},
        () => changes(panels),
        h("span.gw-push"),
        button("Undo", () => panels.ask("undo"), { disabled: () => traits.undoable.value === 0 }),
        button("Clear", () => clear(traits), { disabled: () => !some.value }),
        choice("Pictures", traits.compare, PICTURES),
      ),
      () => traits.switching.value && finder(panels),
      () => measured(panels),
    );
}

/** What is off, each to be switched on again, and what stands for it. */
function changes({ traits }: Panels): Child {
  const { headsOff, cut, ablation } = traits;
  const off = headsOff.value;
  const chip = (words: string, title: string, onclick: () => void): Child =>
    h("button.gw-chip", { type: "button", title, onclick }, words, " ×");
  const cutAll = (): void => {
    cut.value = [];
  };
  return [
    off.length === 0 && cut.value.length === 0
      ? h(
          "span.gw-quiet",
          {},
          "Nothing is off. Click heads in the grid, or draw a box on the map to cut edges.",
        )
      : h("h3", {}, "Off"),
    off
      .slice(0, NAMED)
      .map(([layer, head]) =>
        chip(nameOf(layer, head), "Switch it on again", () => flip(traits, layer, head)),
      ),
    off.length > NAMED && h("span", {}, `and ${off.length - NAMED} more`),
    cut.value.length > 0 && chip(`${cut.value.length} cut`, "Restore these edges", cutAll),
    h("span.gw-quiet", {}, "Ablation"),
    pick("What stands for a head that is off", ablation, () => ABLATIONS),
  ];
}

/** "Switch off the [4] highest by [induction]". */
function finder({ traits, ask }: Panels): Child {
  const { scores, sort } = traits;
  const count = h("input.gw-number", { type: "number", min: 1, max: 99, value: 4, "aria-label": "How many" });
  const own = signal<Sort>("");
  const by = computed<Sort>(() => own.value || sort.value || "induction");
  const chosen = {
    get value() {
      return by.value;
    },
    set value(to: Sort) {
      own.value = to;
    },
  } as Signal<Sort>;
  const names = computed(() => [...new Set([...(scores.value.columns ?? []), "induction"])] as Sort[]);
  const there = computed(() => scores.value.columns?.includes(by.value) ?? false);
  return h(
    "div.gw-bar",
    {},
    h("span.gw-quiet", {}, "The"),
    count,
    h("span.gw-quiet", {}, "highest by"),
    pick("Score", chosen, () => names.value.map((name) => [name, name] as const)),
    () =>
      there.value
        ? button("Switch these off", () =>
            highest(traits, Number((count as HTMLInputElement).value), by.peek()),
          )
        : button("Measure it first", () => ask("induction")),
    h("span.gw-push"),
    h("span.gw-quiet", {}, "Of each head"),
    MEASURED.map(([of, words, title]) =>
      button(
        words,
        () => {
          traits.color.value = of;
          ask("effects", { of });
        },
        { title },
      ),
    ),
  );
}

const percent = (share: number): string => {
  const hundred = share * 100;
  return `${hundred >= 9.95 || hundred === 0 ? Math.round(hundred) : hundred.toPrecision(hundred < 0.1 ? 1 : 2)} %`;
};

const nats = (value: number | undefined, places: number): string =>
  (value ?? Number.NaN).toFixed(places).replace("-", "−");

function measured(panels: Panels): Child {
  const effect = panels.traits.effect.value;
  if (effect.error) return h("p", { role: "alert" }, effect.error);
  if (!(effect.untouched && effect.now)) return h("p.gw-quiet", {}, "Measuring what the model says …");
  return h(
    "div.gw-effect",
    { "aria-busy": String(effect.busy ?? false) },
    next(effect),
    texts(effect),
    control(panels, effect),
  );
}

/** The next token: pairs of bars, the untouched one above. */
function next({ untouched, now, words }: Effect): Child {
  const most = Math.max(...[untouched, now].flatMap((side) => side?.next.map(([, , prob]) => prob) ?? []));
  const bar = (kind: string, prob: number): Child =>
    h(`i.${kind}`, { style: `width:${((100 * prob) / most).toFixed(1)}%` });
  return h(
    "table.gw-next",
    {},
    h("caption", {}, "Next token"),
    h(
      "tr.gw-quiet",
      {},
      ["", "", "untouched", words ? "now" : ""].map((name) => h("th", { scope: "col" }, name)),
    ),
    untouched?.next.map(([piece, , prob], at) => {
      const other = now?.next[at]?.[2] ?? 0;
      return h(
        "tr",
        {},
        h("th", { scope: "row" }, h("bdi", {}, visible(piece))),
        h("td.gw-bars", {}, bar("gw-was", prob), words ? bar("gw-is", other) : h("i")),
        h("td.gw-quiet", {}, percent(prob)),
        h("td", {}, words ? percent(other) : ""),
      );
    }),
  );
}

/** The text's own log-probability, and how each goes on. */
function texts({ text, continuation, words }: Effect): Child {
  const line = (name: string, value: string | undefined): Child => [
    h("dt.gw-quiet", {}, name),
    h("dd", {}, h("bdi", {}, value ? `…${visibleText(value)}` : "…")),
  ];
  return h(
    "div",
    {},
    h("b", {}, "It goes on"),
    h("dl", {}, line("untouched", continuation?.untouched), words ? line("now", continuation?.now) : null),
    text?.unit &&
      h(
        "p",
        { title: "The sum of the log-probabilities of the text's tokens" },
        h("span.gw-quiet", {}, "The text's log-probability "),
        `${nats(text.untouched, 1)}${words ? ` → ${nats(text.now, 1)}` : ""} ${text.unit}`,
      ),
  );
}

const visibleText = (text: string): string => text.replaceAll("\n", "⏎");

/** As many other heads, and the same heads on another text: asked for by a press. */
function control({ traits, ask }: Panels, effect: Effect): Child {
  const { target, untouched = 0, now = 0, others = [], text = [], unrelated = [] } = effect.control ?? {};
  const row = (name: string, before: string, after: string): Child =>
    h("tr", {}, h("th.gw-quiet", { scope: "row" }, name), h("td.gw-quiet", {}, before), h("td", {}, after));
  const some = traits.headsOff.value.length + traits.cut.value.length > 0;
  return h(
    "div",
    {},
    target === undefined
      ? button("Compare with controls", () => ask("control"), {
          disabled: !some,
          title: "As many other heads, and the same heads on an unrelated text",
        })
      : h(
          "table.gw-control",
          {},
          h("caption", {}, "Controls for ", h("bdi", {}, visible(target))),
          row("these", percent(untouched), percent(now)),
          row("as many others", percent(untouched), others.map(percent).join(" · ")),
          row("this text, nats a token", nats(text[0], 2), nats(text[1], 2)),
          row("an unrelated text", nats(unrelated[0], 2), nats(unrelated[1], 2)),
        ),
    h("p.gw-quiet", {}, effect.is),
  );
}
