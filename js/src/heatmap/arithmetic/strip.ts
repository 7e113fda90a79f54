// Many numbers as bars beside each other: one each where there is room, else the largest of some.
import { makePalette } from "../../color";
import type { Theme } from "../../theme";
import { type Canvas2D, penOf } from "../pen";

export interface Strip {
  readonly canvas: HTMLCanvasElement;
  numbers: Float32Array;
  /** Of keys, not of dimensions: bars of one colour, in which the chosen one stands out. */
  readonly keys: boolean;
  chosen: number | null;
  /** The places that are lit, or all. */
  lit: "all" | ReadonlySet<number> | undefined;
  /** The place under the pointer or the keys. */
  at: number | null;
}

/** CSS pixels between two bars, where they are wide enough. */
const GAP = 1;

/** The places [from, to) that a column of `columns` stands for. */
export function placesOf(column: number, columns: number, count: number): [from: number, to: number] {
  if (count <= columns) return [column, column + 1];
  return [Math.floor((column * count) / columns), Math.floor(((column + 1) * count) / columns)];
}

/** Of some places the one whose number is largest in magnitude. */
export function largest(numbers: Float32Array, from: number, to: number): number {
  let best = from;
  for (let at = from; at < to; at++) {
    if (Math.abs(numbers[at] as number) > Math.abs(numbers[best] as number)) best = at;
  }
  return best;
}

/** The place under a point of the strip, `x` of its `width`: of several in a pixel the largest. */
export function placeAt(numbers: Float32Array, x: number, width: number): number | null {
  const count = numbers.length;
  if (count === 0 || !(width > 0)) return null;
  const columns = Math.min(count, Math.max(1, Math.floor(width)));
  const column = Math.min(Math.max(Math.floor((x / width) * columns), 0), columns - 1);
  return largest(numbers, ...placesOf(column, columns, count));
}

/** The colours of numbers below and above zero. */
export function coloursOf({ dark }: Theme): readonly [below: string, above: string] {
  const { css } = makePalette({ colormap: "auto", scale: "linear", dark, signed: true, vmax: 1 });
  return [css(-0.75), css(0.75)];
}

/** Draws a strip; false where it has no size yet. */
export function drawStrip(strip: Strip, theme: Theme, [below, above] = coloursOf(theme)): boolean {
  const { canvas, numbers, keys, chosen, lit, at } = strip;
  const { clientWidth: width, clientHeight: height } = canvas;
  const on = penOf(canvas);
  if (!on || width === 0) return false;
  const ratio = globalThis.devicePixelRatio;
  const pixels = [Math.round(width * ratio), Math.round(height * ratio)] as const;
  if (canvas.width !== pixels[0] || canvas.height !== pixels[1]) [canvas.width, canvas.height] = pixels;
  else {
    on.setTransform(1, 0, 0, 1, 0, 0);
    on.clearRect(0, 0, ...pixels);
  }
  on.setTransform(ratio, 0, 0, ratio, 0, 0);
  const columns = Math.min(numbers.length, Math.max(1, Math.floor(width)));
  const step = width / columns;
  const bar = Math.max(step - (step >= 4 ? GAP : 0), Math.min(step, 1));
  const [least, most] = reach(numbers);
  const scale = (height - 2) / (most - least || 1);
  const zero = 1 + most * scale;
  let before = "";
  for (let column = 0; column < columns; column++) {
    const [from, to] = placesOf(column, columns, numbers.length);
    const x = column * step;
    const has = (place: number | null): boolean => place !== null && place >= from && place < to;
    const isLit = lit !== undefined && (lit === "all" || [...lit].some(has));
    if (isLit) {
      band(on, theme.accent, x, step, height);
      before = "";
    }
    const value = numbers[largest(numbers, from, to)] as number;
    const isHere = has(at);
    const style = keys ? (has(chosen) ? theme.accent : theme.soft) : value < 0 ? below : above;
    const alpha = keys && !(isLit || isHere || has(chosen)) ? 0.55 : 1;
    // Thousands of bars: what stays is not set again.
    if (style !== before) on.fillStyle = style;
    if (alpha !== on.globalAlpha) on.globalAlpha = alpha;
    before = style;
    const size = Math.max(Math.abs(value) * scale, value === 0 ? 0 : 0.75);
    on.fillRect(x, value < 0 ? zero : zero - size, bar, size);
    if (isHere) outline(on, theme.ink, x, bar, height);
  }
  on.globalAlpha = 1;
  on.fillStyle = theme.line;
  on.fillRect(0, zero - 0.5, width, 1);
  return true;
}

/** From the smallest number, or zero, to the largest. */
function reach(numbers: Float32Array): [least: number, most: number] {
  let [least, most] = [0, 0];
  for (const value of numbers) {
    if (value < least) least = value;
    else if (value > most) most = value;
  }
  return [least, most];
}

function band(on: Canvas2D, color: string, x: number, width: number, height: number): void {
  on.globalAlpha = 0.22;
  on.fillStyle = color;
  on.fillRect(x, 0, width, height);
  on.globalAlpha = 1;
}

function outline(on: Canvas2D, color: string, x: number, width: number, height: number): void {
  on.strokeStyle = color;
  on.lineWidth = 1;
  on.strokeRect(x - 0.5, 0.5, Math.max(width, 1) + 1, height - 1);
}
