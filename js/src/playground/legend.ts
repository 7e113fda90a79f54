// The legend: the colours of tokens with their numbers. Its room is kept where there are no colours.
import { type Child, h } from "../dom";
import { fixed } from "./figures";
import type { Play } from "./play";
import { SCALES, shades } from "./tint";
import type { PlayTraits } from "./traits";

export function legend({ traits, theme }: Play): Child {
  return () => {
    const color = traits.color.value;
    if (color === "none") return h("div.gw-legend");
    const { ticks } = SCALES[color];
    const { words, most } = traits.attentionOf.value;
    const title =
      color === "attention" && words
        ? `${words}; at most ${fixed(most, 2)}`
        : color === "difference"
          ? changes(traits)
          : SCALES[color].title;
    const oranges = shades(theme.value.dark);
    const both = [...oranges.toReversed(), ...shades(theme.value.dark, true)];
    const stops = (color === "difference" ? both : oranges).map(({ ground }) => ground || "transparent");
    return h(
      "div.gw-legend",
      { role: "img", title, "aria-label": `${title}: from ${ticks[0]?.[1]} to ${ticks.at(-1)?.[1]}` },
      h("div.gw-ramp", { style: `background:linear-gradient(to right,${stops.join()})` }),
      ticks.map(([at, label]) => h("span", { style: `left:${at * 100}%;translate:${-at * 100}%` }, label)),
    );
  };
}

/** What the colours of a difference are of, in a sentence. */
function changes({ differenceOf, under }: PlayTraits): string {
  const { words, untouched, changed, busy, error } = differenceOf.value;
  if (error) return error;
  if (busy) return "The text is being read with and without the change";
  if (!words) return under.value ? SCALES.difference.title : "Nothing is changed inside the model";
  const sums = `${fixed(untouched, 1)} → ${fixed(changed, 1)} nats in all`;
  return `Log-probability of each token with ${words}, minus that without: ${sums}`;
}
