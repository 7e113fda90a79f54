// What floats beside the pointer, and where.
import { type Child, h } from "../dom";
import type { Stage } from "../model";
import { weight } from "./format";
import type { Panels, Tip } from "./panels";
import { nameOf, type Scene } from "./scene";
import type { Hover } from "./types";

const NAMES: Readonly<Record<Stage, string>> = {
  raw: "q · k = ",
  scaled: "q · k · scale = ",
  masked: "logit ",
  softmax: "",
  "value-weighted": "‖w · v‖ = ",
};

/** Of a cell: its value, its two tokens, and of how many cells it is the strongest. */
export function wordsOf(scene: Scene, { row, col, value, near }: Hover): Pick<Tip, "strong" | "quiet"> {
  const token = (at: number) => `\u2068${nameOf(scene, at, 200)}\u2069`;
  const quiet: [string, string?][] = [[`${token(row)} → ${token(col)}`], [`query ${row}, key ${col}`]];
  const size = 2 ** scene.level;
  if (size > 1) quiet.push([`the strongest of ${size} × ${size} cells`]);
  const known = value ?? near;
  if (known === undefined) return { strong: "…", quiet };
  if (Number.isNaN(known)) return { strong: "masked", quiet };
  const strong = value === undefined ? `≈ ${Number(known.toPrecision(2))}` : weight(known);
  return { strong: `${NAMES[scene.stage]}${strong.replace("-", "−")}`, quiet };
}

export const tip = (panels: Panels): HTMLElement =>
  h("div.gw-tip", { "aria-hidden": "true", style: () => placeOf(panels) }, () => contents(panels));

/** Beside the pointer, never out of the widget, whose size is told: to ask for it would lay out the page anew. */
function placeOf({ tip: { value }, width: { value: wide }, depth: { value: high } }: Panels): string {
  if (!value) return "display:none";
  const side = value.x > wide / 2 ? `right:${wide - value.x + 12}px` : `left:${value.x + 12}px`;
  return value.y > high - 140 ? `${side};bottom:${high - value.y + 28}px` : `${side};top:${value.y + 12}px`;
}

function contents({ tip: { value } }: Panels): Child {
  return (
    value && [
      h("b", {}, h("bdi", {}, value.strong)),
      value.quiet.map(([words, figure]) => [h("span", {}, words), h("span", {}, figure)]),
    ]
  );
}
