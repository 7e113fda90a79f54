// The legend: the colours of tokens with their numbers. Its room is kept where there are no colours.
import { type Child, h } from "../dom";
import { fixed } from "./figures";
import type { Play } from "./play";
import { SCALES, shades } from "./tint";

export function legend({ traits, theme }: Play): Child {
  return () => {
    const color = traits.color.value;
    if (color === "none") return h("div.gw-legend");
    const { ticks } = SCALES[color];
    const { words, most } = traits.attentionOf.value;
    const title =
      color === "attention" && words ? `${words}; at most ${fixed(most, 2)}` : SCALES[color].title;
    const stops = shades(theme.value.dark).map(({ ground }) => ground || "transparent");
    return h(
      "div.gw-legend",
      { role: "img", title, "aria-label": `${title}: from ${ticks[0]?.[1]} to ${ticks.at(-1)?.[1]}` },
      h("div.gw-ramp", { style: `background:linear-gradient(to right,${stops.join()})` }),
      ticks.map(([at, label]) => h("span", { style: `left:${at * 100}%;translate:${-at * 100}%` }, label)),
    );
  };
}
