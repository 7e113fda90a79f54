// Draws the overview: thumbnails on a canvas that stands still while the drawing scrolls under it.
import { makePalette } from "../color";
import type { Which } from "../model";
import { score } from "./format";
import {
  type Cell,
  type Layout,
  nameOf,
  paint,
  type Rect,
  rectOf,
  column as scoresOf,
  visible,
} from "./layout";
import type { Panels } from "./panels";
import { isOff } from "./switching";

/** Draws the visible part of a layout, and asks for the thumbnails that it lacks. */
export function drawCells(canvas: HTMLCanvasElement, panels: Panels, layout: Layout, chosen: number): void {
  const scroller = canvas.closest(".gw-grid");
  const context = canvas.getContext("2d");
  if (!(scroller && context)) return;
  const { clientWidth: width, clientHeight: height, scrollLeft: dx, scrollTop: dy } = scroller;
  const ratio = globalThis.devicePixelRatio;
  const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (wide === 0 || high === 0) return;
  if (canvas.width !== wide || canvas.height !== high) {
    canvas.width = wide;
    canvas.height = high;
    canvas.style.cssText = `width:${width}px;height:${height}px`;
  }
  const { accent, line, paper } = panels.theme.peek();
  const { lut: colors, signed = false } = panels.palette.peek();
  const image = context.createImageData(wide, high);
  const pixels = { data: new Uint32Array(image.data.buffer), stride: wide };
  // In whole pixels of the device, so that neighbours neither overlap nor part.
  const scaled = ({ x, y, width: across, height: down }: Rect): Rect => {
    const [left, top] = [Math.round((x - dx) * ratio), Math.round((y - dy) * ratio)];
    const [right, bottom] = [Math.round((x - dx + across) * ratio), Math.round((y - dy + down) * ratio)];
    return { x: left, y: top, width: right - left, height: bottom - top };
  };
  const [from, to] = visible(layout, dy, height);
  const shown: [Cell, Rect][] = [];
  for (let place = from; place < to; place++) {
    const box = rectOf(layout, place);
    if (box.x + box.width > dx && box.x < dx + width) shown.push([layout.cells[place] as Cell, box]);
  }
  for (const [{ layer, head }, box] of shown) {
    const thumbnail = panels.thumbs.get(layer, head);
    if (thumbnail) paint(pixels, scaled(box), thumbnail, { colors, signed });
  }
  panels.thumbs.want(
    shown.map(([{ layer, head }]) => [layer, head]),
    Math.max(layout.cellWidth, layout.cellHeight) * ratio,
  );

  context.setTransform(1, 0, 0, 1, 0, 0);
  context.putImageData(image, 0, 0);
  context.setTransform(ratio, 0, 0, ratio, -dx * ratio, -dy * ratio);
  const fill = (style: string, alpha: number, only: (cell: Cell) => boolean): void => {
    context.fillStyle = style;
    context.globalAlpha = alpha;
    for (const [cell, box] of shown) if (only(cell)) context.fillRect(box.x, box.y, box.width, box.height);
    context.globalAlpha = 1;
  };
  context.globalCompositeOperation = "destination-over"; // under the cells: where there is none, and skeletons
  fill(line, 0.16, () => true);
  context.globalCompositeOperation = "source-over";
  fill(paper, 0.85, (cell) => !cell.kept);
  tint(context, panels, shown);
  strike(context, panels, shown);
  if (layout.cells[chosen]) {
    const box = rectOf(layout, chosen);
    context.strokeStyle = accent;
    context.lineWidth = 2;
    context.strokeRect(box.x - 1, box.y - 1, box.width + 2, box.height + 2);
  }
  if (layout.ranked) drawCaptions(context, panels, layout, [from, to, chosen]);
  else if (layout.cells.length > 0) drawSides(context, panels, layout, { width, height, dx, dy, chosen });
}

/** Cells in the colour of a score, as far as it is known; effects have two sides. */
function tint(
  context: CanvasRenderingContext2D,
  { traits, palette }: Panels,
  shown: readonly (readonly [Cell, Rect])[],
): void {
  const name = traits.color.peek();
  const values = name ? scoresOf(traits.scores.peek(), name) : new Map<string, number>();
  const most = Math.max(...[...values.values()].filter(Number.isFinite).map(Math.abs));
  if (!(most > 0)) return;
  const { dark, colormap } = palette.peek();
  const signed =
    name === "effect" ||
    name === "direct" ||
    (name === "own" && [...values.values()].some((value) => value < 0));
  const colors = makePalette({ colormap, scale: "linear", dark, signed, vmax: 1 });
  for (const [{ layer, head }, { x, y, width, height }] of shown) {
    const value = values.get(`${layer}:${head}`) ?? Number.NaN;
    if (Number.isNaN(value)) continue;
    context.fillStyle = colors.css(value / most);
    context.fillRect(x, y, width, height);
  }
}

/** Heads that are switched off: faint, and struck through. */
function strike(
  context: CanvasRenderingContext2D,
  panels: Panels,
  shown: readonly (readonly [Cell, Rect])[],
): void {
  const off = panels.traits.headsOff.peek();
  const { ink, paper } = panels.theme.peek();
  for (const [{ layer, head }, { x, y, width, height }] of off.length > 0 ? shown : []) {
    if (!isOff(off, layer, head)) continue;
    context.fillStyle = paper;
    context.globalAlpha = 0.6;
    context.fillRect(x, y, width, height);
    context.globalAlpha = 1;
    for (const [color, pen] of [
      [paper, 4],
      [ink, 1.5],
    ] as const) {
      context.strokeStyle = color;
      context.lineWidth = pen;
      context.beginPath();
      context.moveTo(x, y + height);
      context.lineTo(x + width, y);
      context.stroke();
    }
  }
}

/** Writes in the widget's type: accented and bold, or in a quieter colour. */
function writer(context: CanvasRenderingContext2D, panels: Panels) {
  const { accent, font } = panels.theme.peek();
  const type = panels.type.peek() - 2;
  context.textBaseline = "middle";
  return (text: string, x: number, y: number, style: string): void => {
    // The words "mean" and "max" have the room of a number.
    const size = text.startsWith("m") ? type * 0.7 : type;
    context.font = `${style === accent ? 600 : 400} ${size}px ${font}`;
    context.fillStyle = style;
    context.fillText(text, x, y);
  };
}

/** A ranking's captions: each head's name and its score. */
function drawCaptions(
  context: CanvasRenderingContext2D,
  panels: Panels,
  layout: Layout,
  [from, to, chosen]: readonly [number, number, number],
): void {
  const { accent, ink, soft } = panels.theme.peek();
  const type = panels.type.peek() - 2;
  const write = writer(context, panels);
  context.textAlign = "left";
  for (let place = from; place < to; place++) {
    const { layer, head, value } = layout.cells[place] as Cell;
    const { x, y, height } = rectOf(layout, place);
    write(nameOf(layer, head), x, y + height + type, place === chosen ? accent : ink);
    write(score(value), x, y + height + type * 2.2, soft);
  }
}

interface Frame {
  width: number;
  height: number;
  dx: number;
  dy: number;
  chosen: number;
}

/** The numbers along the sides, which stay while the cells scroll under them; shared keys; sliding windows. */
function drawSides(context: CanvasRenderingContext2D, panels: Panels, layout: Layout, frame: Frame): void {
  const { width, height, dx, dy, chosen } = frame;
  const { cells, columns, rows, deep, left, top, stepX, stepY, cellWidth, cellHeight } = layout;
  const { accent, soft, line } = panels.theme.peek();
  const { n_heads: heads = 0, n_kv_heads: shared = 0, layers = [], windows = [] } = panels.traits.info.peek();
  const type = panels.type.peek() - 2;
  const here = cells[chosen];
  const write = writer(context, panels);
  context.clearRect(dx, dy, left - 2, height);
  context.clearRect(dx, dy, width, top - 2);

  const everyRow = Math.ceil((type + 1) / stepY); // every how many rows a number has room
  const everyColumn = Math.ceil((type * 1.6) / stepX);
  context.textAlign = "right";
  for (let row = 0; row < rows; row++) {
    const layer = cells[row * columns]?.layer as Which;
    const { x: edge, y: above } = rectOf(layout, row * columns);
    const [x, y] = [dx + edge, above + cellHeight / 2];
    if (y < dy + top) continue;
    if (shows(row, everyRow, Math.floor(chosen / columns))) {
      write(`${layer}`, x - 8, y, layer === here?.layer ? accent : soft);
    }
    if (!windows[layers.indexOf(layer as number)]) continue;
    context.fillStyle = soft;
    for (let dot = -6; dot <= 6; dot += 3) context.fillRect(x - 5, y + dot - 1, 1.5, 1.5);
  }

  context.save();
  context.beginPath();
  context.rect(dx + left - 1, dy, width, top);
  context.clip();
  context.textAlign = "center";
  const group = heads / shared;
  for (let place = 0; place < cells.length; place += deep * columns) {
    for (let column = 0; column < columns; column++) {
      const { x } = rectOf(layout, place + column);
      const head = cells[column]?.head;
      if (shows(column, everyColumn, chosen % columns)) {
        write(`${head}`, x + cellWidth / 2, dy + top / 2 - 2, head === here?.head ? accent : soft);
      }
      if (!(group > 1 && column < heads && column % group === 0)) continue;
      context.fillStyle = line;
      context.fillRect(x, dy + top - 4, group * stepX - (stepX - cellWidth), 1.5);
    }
  }
  context.restore();
}

/** Whether a number has room: one of each so many, and the chosen one instead of its neighbours. */
const shows = (at: number, every: number, chosen: number): boolean =>
  at === chosen || (at % every === 0 && (chosen < 0 || Math.abs(at - chosen) >= every));
