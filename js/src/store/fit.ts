// Whether a listing fits here for a chosen length and number of texts: its parts against what is free.
import { signal } from "@preact/signals-core";
import { type Child, h } from "../dom";
import { whole } from "../numbers";
import { bytes } from "./format";
import { loaded, type Shop } from "./shop";
import type { Fit, Shown } from "./types";

const PAUSE = 120; // ms after the last movement of a hand
const PARTS = [
  ["weights", "Weights"],
  ["cache", "Cache of keys and values"],
  ["recorded", "Recorded attention"],
  ["working", "Working space"],
] as const;

/** Lengths that a slider stops at: powers of two up to the whole context, which need not be one. */
export function stops(most: number): readonly number[] {
  const made: number[] = [];
  for (let length = 128; length < most; length *= 2) made.push(length);
  return [...made, most];
}

export function fit(shop: Shop, shown: () => Shown): Child {
  const most = Math.max(1, shown().listing.context_length ?? 131_072);
  const lengths = stops(most);
  const context = signal(Math.min(1024, most));
  const batchSize = signal(1);
  const { name } = shown().listing;
  const store = loaded(
    shop,
    "fit",
    () => ({ name, context: context.value, batch: batchSize.value }),
    (content) => content["fit"] as Fit,
    PAUSE,
  );
  const number = (label: string, chosen: { value: number }, low: number, high: number): Child => {
    const field = h("input.gw-number", {
      type: "number",
      min: low,
      max: high,
      "aria-label": label,
      value: () => String(chosen.value),
      onchange: () => {
        const value = Math.round(Number(field.value));
        if (value >= low && value <= high) chosen.value = value;
        else field.value = String(chosen.value);
      },
    }) as HTMLInputElement;
    return field;
  };
  const slider = h("input", {
    type: "range",
    min: 0,
    max: lengths.length - 1,
    step: 1,
    "aria-label": "Context in tokens",
    "aria-valuetext": () => `${whole(context.value)} tokens`,
    value: () =>
      String(
        Math.max(
          0,
          lengths.findIndex((length) => length >= context.value),
        ),
      ),
    oninput: () => {
      context.value = lengths[Number(slider.value)] ?? most;
    },
  }) as HTMLInputElement;
  return [
    h(
      "div.gw-knobs",
      {},
      h("span", {}, "Context"),
      slider,
      number("Context in tokens, exactly", context, 1, most),
      h("span", {}, "Texts at once"),
      h("span"),
      number("Texts at once", batchSize, 1, 256),
    ),
    h("div.gw-fits", { "aria-busy": () => store.waiting.value }, () => {
      if (store.error.value) return h("p.gw-error", { role: "alert" }, store.error.value);
      const found = store.there.value?.result;
      return found ? parts(found) : h("div.gw-skeleton", { "aria-hidden": "true" }, h("i"), h("i"));
    }),
  ];
}

/** The parts as one bar on the scale of what is free, and as numbers. */
function parts(found: Fit): Child {
  const total = found.total ?? 0;
  const free = found.free ?? 0;
  const scale = Math.max(total, free, 1);
  const share = (value: number): string => `${((100 * value) / scale).toFixed(2)}%`;
  return [
    h(
      "div.gw-stack",
      { role: "img", "aria-label": found.why },
      PARTS.map(([part]) => h("i", { "data-part": part, style: `width:${share(found[part])}` })),
      h("b", { style: `left:${share(free)}`, title: `Free: ${bytes(free)}` }),
    ),
    h("p.gw-fit", { "data-fits": found.fits ? "yes" : "no", role: "status" }, found.why),
    h(
      "table.gw-plain",
      {},
      PARTS.map(([part, label]) => line(label, found[part], part)),
      line("Together", total, "total"),
      line("Free here", free, "free"),
    ),
  ];
}

const line = (label: string, value: number, part: string): Child =>
  h(
    "tr",
    { "data-part": part },
    h("th", { scope: "row" }, h("i"), label),
    h("td", { "data-kind": "number" }, bytes(value)),
  );
