// Stars: how many a listing has, and how many one gives.
import type { Signal } from "@preact/signals-core";
import { type Child, h } from "../dom";
import { fixed, many } from "./format";

/** "★ 4.4 (12)"; that there are none is said, too. */
export function starLine(mean: number | null | undefined, reviews: number | null | undefined): Child {
  if (!(mean && reviews)) return h("span.gw-quiet", {}, "no reviews yet");
  return h(
    "span",
    { title: `${fixed(mean, 1)} of 5 stars, the mean of ${many(reviews, "review")}` },
    h("span.gw-star", { "aria-hidden": "true" }, "★"),
    ` ${fixed(mean, 1)} `,
    h("span.gw-quiet", {}, `(${reviews})`),
  );
}

/** Five stars of which so many are full. */
export const five = (stars: number): Child =>
  h(
    "span.gw-five",
    { role: "img", "aria-label": many(stars, "star") },
    h("span.gw-star", {}, "★".repeat(stars)),
    h("span.gw-pale", {}, "★".repeat(5 - stars)),
  );

const MEANS = ["poor", "weak", "fair", "good", "excellent"];

/** Stars to give: radio buttons, so that the arrow keys and digits work. */
export function starPicker(chosen: Signal<number>): Child {
  const name = `gw${Math.random()}`;
  const group = h(
    "fieldset.gw-picker",
    {
      "aria-label": "Stars",
      onkeydown: (event: KeyboardEvent) => {
        const digit = Number(event.key);
        if (!(digit >= 1 && digit <= 5)) return;
        chosen.value = digit;
        group.querySelectorAll<HTMLElement>("input")[digit - 1]?.focus();
      },
    },
    [1, 2, 3, 4, 5].map((stars) =>
      h(
        "label",
        { title: `${many(stars, "star")}: ${MEANS[stars - 1]}`, "data-on": () => stars <= chosen.value },
        h("input.gw-hidden", {
          type: "radio",
          name,
          value: String(stars),
          "aria-label": `${many(stars, "star")}, ${MEANS[stars - 1]}`,
          checked: () => chosen.value === stars,
          onchange: () => {
            chosen.value = stars;
          },
        }),
        h("span.gw-star", { "aria-hidden": "true" }, "★"),
      ),
    ),
    h("span.gw-quiet", {}, () => MEANS[chosen.value - 1] ?? "none yet"),
  );
  return group;
}
