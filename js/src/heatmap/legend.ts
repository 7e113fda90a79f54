// The legend: the scale's colours with their numbers.
import type { Palette } from "../color";
import { type Child, h } from "../dom";
import type { Panels } from "./panels";

const STOPS = 32;

/** The map as stops of a gradient, even along the legend. */
export const stops = (palette: Palette): string[] =>
  Array.from({ length: STOPS + 1 }, (_, k) => palette.cssAt(k / STOPS));

export function legend({ palette }: Panels): Child {
  return () => {
    const { ticks } = palette.value;
    return h(
      "div.gw-legend",
      { role: "img", "aria-label": `Colours from ${ticks[0]?.label} to ${ticks.at(-1)?.label}` },
      h("div.gw-ramp", { style: `background:linear-gradient(to right,${stops(palette.value).join()})` }),
      ticks.map(({ at, label }) => h("span", { style: `left:${at * 100}%;translate:${-at * 100}%` }, label)),
    );
  };
}
