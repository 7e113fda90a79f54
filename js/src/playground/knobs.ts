// The sliders: how the next token is chosen. They move the distribution beside them at once; the kernel hears of a
// value when the hand rests. With a second setting the same sliders set the one or the other.
import type { Signal } from "@preact/signals-core";
import { type Child, follow, h } from "../dom";
import { choice, toggle } from "../ui";
import type { Knobs } from "./distribution";
import type { Play } from "./play";
import type { PlayTraits, Rules } from "./traits";

type Name = "temperature" | "top_k" | "top_p" | "min_p" | "repetition_penalty";

interface Knob {
  readonly name: Name;
  readonly label: string;
  readonly title: string;
  /** Of the number's field. */
  readonly step: number;
  readonly most: number;
  /** Between a slider's place, 0 to 1, and the value. */
  value(place: number, vocabulary: number): number;
  place(value: number, vocabulary: number): number;
  said(value: number): string;
}

const round = (value: number, digits: number): number => Number(value.toFixed(digits));
const off = (value: number): string => String(value);

const MAIN: readonly Knob[] = [
  {
    name: "temperature",
    label: "Temperature",
    title:
      "Divides the logits: below 1 the likely become likelier, above 1 all come closer; 0 takes the best.",
    step: 0.05,
    most: 100,
    value: (at) => round(at * 2, 2),
    place: (value) => Math.min(1, value / 2),
    said: (value) => (value === 0 ? "greedy" : off(value)),
  },
  {
    name: "top_k",
    label: "Top-k",
    title: "Only the k most probable tokens stay; 0 is off.",
    step: 1,
    most: 1_000_000,
    // Even steps of the logarithm; the right end is off.
    value: (at, size) => (at >= 1 ? 0 : Math.max(1, Math.round(size ** at))),
    place: (value, size) => (value === 0 ? 1 : Math.min(0.999, Math.log(value) / Math.log(size))),
    said: (value) => (value === 0 ? "off" : off(value)),
  },
  {
    name: "top_p",
    label: "Top-p",
    title: "Only the most probable tokens stay that together have this probability; 1 is off.",
    step: 0.01,
    most: 1,
    value: (at) => Math.max(0.01, round(at, 2)),
    place: (value) => value,
    said: (value) => (value === 1 ? "off" : off(value)),
  },
  {
    name: "min_p",
    label: "Min-p",
    title: "Only tokens stay with at least this share of the best one's probability; 0 is off.",
    step: 0.01,
    most: 1,
    value: (at) => round(at ** 3, 4),
    place: (value) => Math.cbrt(value),
    said: (value) => (value === 0 ? "off" : off(value)),
  },
];

const PENALTY: Knob = {
  name: "repetition_penalty",
  label: "Repetition",
  title: "Makes tokens that are in the text already less probable; 1 is off.",
  step: 0.05,
  most: 100,
  value: (at) => round(0.5 + at * 1.5, 2),
  place: (value) => Math.min(1, Math.max(0, (value - 0.5) / 1.5)),
  said: (value) => (value === 1 ? "off" : off(value)),
};

const TRAITS = {
  // biome-ignore-start lint/style/useNamingConvention: the names of gw.Sampling
  temperature: "temperature",
  top_k: "topK",
  top_p: "topP",
  min_p: "minP",
  repetition_penalty: "repetitionPenalty",
  // biome-ignore-end lint/style/useNamingConvention: as above
} as const satisfies Readonly<Record<Name, keyof PlayTraits>>;

/** One of the rules, of the setting that the sliders set now. */
function bound({ traits, side }: Play, name: Name): Signal<number> {
  const main = traits[TRAITS[name]];
  return {
    get value() {
      return (side.value === "b" ? traits.other.value[name] : undefined) ?? main.value;
    },
    set value(to: number) {
      if (side.peek() === "b") traits.other.value = { ...traits.other.peek(), [name]: to };
      else main.value = to;
    },
  } as Signal<number>;
}

/** What the sliders say, for the distribution. */
export function knobsOf(play: Play): Knobs {
  const of = (name: Name): number => bound(play, name).value;
  return {
    temperature: of("temperature"),
    topK: of("top_k"),
    topP: of("top_p"),
    minP: of("min_p"),
    penalty: of("repetition_penalty"),
  };
}

const STEPS = 1000;

function knob(play: Play, what: Knob): Child {
  const value = bound(play, what.name);
  const size = (): number => Math.max(2, play.traits.info.value.vocabulary ?? 50_000);
  const slider = h("input", {
    type: "range",
    min: 0,
    max: STEPS,
    title: what.title,
    "aria-label": what.label,
    "aria-valuetext": () => what.said(value.value),
    oninput: () => {
      value.value = what.value(Number(slider.value) / STEPS, size());
    },
  }) as HTMLInputElement;
  const field = h("input.gw-number", {
    type: "number",
    min: 0,
    max: what.most,
    step: what.step,
    title: what.title,
    "aria-label": `${what.label}, exactly`,
    onkeydown: entered,
    onchange: () => {
      const typed = Number(field.value);
      if (field.value !== "" && Number.isFinite(typed)) value.value = Math.min(what.most, Math.max(0, typed));
      field.value = String(value.value);
    },
  }) as HTMLInputElement;
  follow(() => {
    const now = value.value;
    const at = what.place(now, size()) * STEPS;
    if (document.activeElement !== slider || what.value(Number(slider.value) / STEPS, size()) !== now) {
      slider.value = String(at);
    }
    if (document.activeElement !== field) field.value = String(now);
  });
  return h(
    "div.gw-knob",
    { "data-off": () => what.said(value.value) === "off" },
    h("span.gw-label", { title: what.title }, what.label),
    slider,
    field,
  );
}

export function knobs(play: Play): Child {
  const { traits, side } = play;
  const second: Signal<boolean> = {
    get value() {
      return Object.keys(traits.other.value).length > 0;
    },
    set value(on: boolean) {
      side.value = on ? "b" : "a";
      traits.other.value = on ? ({ temperature: contrast(traits.temperature.peek()) } satisfies Rules) : {};
    },
    peek() {
      return Object.keys(traits.other.peek()).length > 0;
    },
  } as Signal<boolean>;
  follow(() => {
    if (!second.value) side.value = "a";
  });
  return h(
    "section.gw-knobs",
    { "aria-label": "Sampling rules" },
    h(
      "header.gw-bar",
      {},
      h("h3", {}, "How it chooses"),
      h("span.gw-push"),
      () =>
        second.value &&
        choice("Setting", side, [
          ["a", "A", "The first setting"],
          ["b", "B", "The second setting"],
        ]),
      toggle("Compare", "Two settings on the same prompt, side by side", second),
    ),
    MAIN.map((one) => knob(play, one)),
    h(
      "details.gw-more-knobs",
      {},
      h("summary", {}, "More"),
      knob(play, PENALTY),
      number("Tokens at most", "How many tokens a run writes at most", traits.maxNewTokens, 1, 100_000),
      seed(play),
      number("Sequences", "How many are written side by side", traits.n, 1, 8),
      number("Beams", "Above 1: beam search, which leaves nothing to chance", traits.beams, 1, 32),
      number(
        "Alternatives",
        "How many of the most probable tokens are kept of each place",
        traits.alternatives,
        1,
        100,
      ),
      stops(traits),
    ),
  );
}

/** Enter takes what was typed; the page around us may keep the browser from doing so. */
function entered(event: Event): void {
  if ((event as KeyboardEvent).key === "Enter") event.currentTarget?.dispatchEvent(new Event("change"));
}

/** Something else to compare with. */
const contrast = (temperature: number): number => (temperature === 0 ? 1 : 0);

function number(label: string, title: string, value: Signal<number>, low: number, high: number): Child {
  const field = h("input.gw-number", {
    type: "number",
    min: low,
    max: high,
    step: 1,
    value: () => String(value.value),
    onkeydown: entered,
    onchange: () => {
      const typed = Math.round(Number(field.value));
      if (field.value !== "" && Number.isFinite(typed)) value.value = Math.min(high, Math.max(low, typed));
      field.value = String(value.value);
    },
  }) as HTMLInputElement;
  return h("label.gw-knob", { title }, h("span.gw-label", {}, label), h("span"), field);
}

function seed({ traits }: Play): Child {
  const field = h("input.gw-number", {
    type: "text",
    inputmode: "numeric",
    placeholder: "fresh",
    value: () => (traits.seed.value === null ? "" : String(traits.seed.value)),
    onkeydown: entered,
    onchange: () => {
      const typed = field.value.trim();
      const whole = Number(typed);
      if (typed === "") traits.seed.value = null;
      else if (Number.isSafeInteger(whole) && whole >= 0) traits.seed.value = whole;
      field.value = traits.seed.value === null ? "" : String(traits.seed.value);
    },
  }) as HTMLInputElement;
  return h(
    "label.gw-knob",
    { title: "Where chance begins: the same seed gives the same text. Empty: a fresh one each run." },
    h("span.gw-label", {}, "Seed"),
    h("span"),
    field,
  );
}

function stops({ stopAt }: PlayTraits): Child {
  const written = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
  const field = h("input.gw-number.gw-stops", {
    type: "text",
    placeholder: "\\n\\n | END",
    value: () => stopAt.value.map(written).join(" | "),
    onkeydown: entered,
    onchange: () => {
      stopAt.value = field.value
        .split(" | ")
        .map((text) => text.replace(/\\(.)/gu, (_, sign: string) => (sign === "n" ? "\n" : sign)))
        .filter((text) => text !== "");
    },
  }) as HTMLInputElement;
  return h(
    "label.gw-knob",
    { title: "The run stops where one of these texts comes; between two of them: |" },
    h("span.gw-label", {}, "Stop at"),
    h("span"),
    field,
  );
}
