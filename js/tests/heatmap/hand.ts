// The matrix without its pictures, and a hand that does something to it.
import { signal } from "@preact/signals-core";
import { vi } from "vitest";
import { makePalette } from "../../src/color";
import { createCache } from "../../src/heatmap/cache";
import { createHands, type Hands } from "../../src/heatmap/hands";
import type { Measure } from "../../src/heatmap/labels";
import type { Tip } from "../../src/heatmap/panels";
import type { Patches } from "../../src/heatmap/patch";
import { type Scene, sceneOf } from "../../src/heatmap/scene";
import type { Hover } from "../../src/heatmap/types";
import type { Region } from "../../src/heatmap/viewport";
import { type Bench, bench } from "../fake";

const measure: Measure = { width: (text) => text.length * 6, fit: (text) => text };
const theme = {
  dark: false,
  paper: "#fff",
  ink: "#000",
  soft: "#666",
  line: "#ccc",
  accent: "#00f",
  font: "x",
};
const size = { width: 700, height: 500, ratio: 1 };

export interface Parts extends Bench {
  host: HTMLElement;
  glass: HTMLElement;
  hands: Hands;
  patches: Patches;
  scene: () => Scene;
  hover: { value: Hover | null };
  tip: { value: Tip | null };
  /** What a box means, where it is not to zoom. */
  cutting?: { on: () => boolean; box: (region: Region) => void };
}

export function make(length = 1000): Parts {
  const info = { record: "r", length, layers: [3], n_heads: 6, causal: true };
  const parts = bench({ info, layer: 3, head: 5, hide_sink: false, tokens: { pieces: ["a", "b", "c"] } });
  const palette = makePalette({ colormap: "auto", scale: "sqrt", dark: false });
  const [host, glass] = [document.createElement("div"), document.createElement("canvas")];
  host.append(glass);
  document.body.append(host);
  const hover = signal<Hover | null>(null);
  const tip = signal<Tip | null>(null);
  const scene = () => sceneOf(parts.traits, palette, theme, size, measure);
  const patches: Patches = { value: () => 0.25, strongest: () => undefined, want: vi.fn(), rest: vi.fn() };
  const context = {
    ...parts,
    cache: createCache(parts.wire, parts.traits, parts.ends.signal),
    palette: signal(palette),
    theme: signal(theme),
    hover,
    tip,
    root: document.body,
    signal: parts.ends.signal,
    cutting: { on: () => made.cutting?.on() ?? false, box: (drawn: Region) => made.cutting?.box(drawn) },
  };
  const hands = createHands(host, glass, context, { scene, patches, soon: () => undefined });
  const made: Parts = { ...parts, host, glass, hands, patches, scene, hover, tip };
  return made;
}

/** An event at the middle of a cell. */
export function at(parts: Parts, type: string, row: number, col: number, more: object = {}): Event {
  const { x, y } = parts.scene();
  return point(parts, type, x(col + 0.5), y(row + 0.5), more);
}

export function point(
  { glass }: Parts,
  type: string,
  offsetX: number,
  offsetY: number,
  more: object = {},
): Event {
  const event = new Event(type, { bubbles: true, cancelable: true });
  Object.assign(event, { button: 0, pointerId: 1, detail: 1, ...more });
  for (const [name, value] of Object.entries({ offsetX, offsetY }))
    Object.defineProperty(event, name, { value });
  glass.dispatchEvent(event);
  return event;
}
