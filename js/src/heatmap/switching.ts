// Heads off and edges cut, by hand: what a press on a head, or a box on the map, does to the model.
import { batch } from "@preact/signals-core";
import type { Edge, HeadOff, HeatTraits, Which } from "../model";
import { whole } from "../numbers";
import { column, nameOf } from "./layout";
import type { Region } from "./viewport";

/** Edges that one box cuts, at most: a person means a few cells, and a message must stay small. */
export const MOST = 4096;

export const isOff = (off: readonly HeadOff[], layer: Which, head: Which): boolean =>
  off.some(([one, other]) => one === layer && other === head);

/** Whether a cell's edge is cut. */
export const isCut = (cut: readonly Edge[], of: readonly [Which, Which, number, number]): boolean =>
  cut.length > 0 && cut.some((edge) => edge.every((part, at) => part === of[at]));

/** Whether heads can be switched off: only an open model can be changed. */
export const changeable = ({ info, status }: HeatTraits): boolean =>
  info.value.model === true && status.value !== "closed";

/** Switches a head off, or on again; a mean or a maximum is no head. */
export function flip(traits: HeatTraits, layer: Which, head: Which): void {
  if (typeof layer !== "number" || typeof head !== "number" || !changeable(traits)) return;
  const off = traits.headsOff.peek();
  const others = off.filter(([one, other]) => one !== layer || other !== head);
  traits.headsOff.value = others.length < off.length ? others : ordered([...off, [layer, head]]);
}

/** Switches off the k heads with the highest score, besides those that are off. */
export function highest(traits: HeatTraits, k: number, by: string): void {
  const off = traits.headsOff.peek();
  const sign = by === "effect" ? -1 : 1; // below zero a head speaks for the word
  const best = [...column(traits.scores.peek(), by)]
    .filter(([, value]) => Number.isFinite(value))
    .sort(([, one], [, other]) => sign * (other - one))
    .slice(0, k)
    .map(([name]) => name.split(":").map(Number) as unknown as HeadOff)
    .filter(([layer, head]) => !isOff(off, layer, head));
  if (best.length > 0) traits.headsOff.value = ordered([...off, ...best]);
}

/** Cuts the cells of a region in the chosen head; a sentence where it cannot. */
export function cutBox(traits: HeatTraits, { row0, col0, rows, cols }: Region): string {
  const { info, layer, head, cut } = traits;
  const { causal = true } = info.peek();
  if (!changeable(traits)) return "Only in an open model can edges be cut.";
  const [one, other] = [layer.peek(), head.peek()];
  if (typeof one !== "number" || typeof other !== "number") {
    return `Edges are of one head: choose one, and cut there, instead of ${nameOf(one, other)}.`;
  }
  const length = traits.length.peek();
  const [top, bottom] = meant(row0, row0 + rows, length);
  const [left, right] = meant(col0, col0 + cols, length);
  const edges = new Map(cut.peek().map((edge) => [edge.join(), edge]));
  for (let query = top; query < bottom; query++) {
    for (let key = left; key < (causal ? Math.min(right, query + 1) : right); key++) {
      const edge = [one, other, query, key] as const;
      edges.set(edge.join(), edge);
      if (edges.size > MOST)
        return `At most ${whole(MOST)} edges can be cut: zoom in, and draw a smaller box.`;
    }
  }
  cut.value = ordered([...edges.values()]);
  return "";
}

export function clear({ headsOff, cut }: HeatTraits): void {
  batch(() => {
    headsOff.value = [];
    cut.value = [];
  });
}

/** One short phrase for a caption: "4 heads off (mean)"; "" for nothing. */
export function offWords({ headsOff, cut, ablation, compare }: HeatTraits): string {
  const [heads, edges] = [headsOff.value.length, cut.value.length];
  if (heads + edges === 0) return "";
  const words = [
    heads > 0 && `${heads} ${heads === 1 ? "head" : "heads"} off (${ablation.value})`,
    edges > 0 && `${edges} ${edges === 1 ? "edge" : "edges"} cut`,
  ].filter(Boolean);
  const picture = { with: "", without: "without ", difference: "difference: " }[compare.value];
  return picture + words.join(", ");
}

/** The rows, or columns, whose middle is inside; within a single one, this one. */
function meant(from: number, to: number, length: number): [number, number] {
  const [first, end] = [Math.ceil(from - 0.5), Math.floor(to - 0.5) + 1];
  const at = Math.floor((from + to) / 2);
  return end > first ? [Math.max(0, first), Math.min(length, end)] : [at, at + 1];
}

/** In the order in which the kernel keeps them, so that an echo changes nothing. */
function ordered<Part extends readonly number[]>(parts: readonly Part[]): Part[] {
  return [...parts].sort((one, other) => {
    const at = one.findIndex((part, i) => part !== other[i]);
    return at < 0 ? 0 : (one[at] ?? 0) - (other[at] ?? 0);
  });
}
