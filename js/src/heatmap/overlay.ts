// What comes and goes over the cells: the chosen row and column, the crosshair, the value under the pointer,
// the box that is being drawn. It has a canvas of its own, so that hovering paints no cell again.
import { visible } from "../tokens";
import { GAP } from "./axes";
import { weight } from "./format";
import type { Canvas2D } from "./paint";
import { fontOf, labelOf, type Scene } from "./scene";
import type { Hover } from "./types";
import { type Box, type Region, xOf, yOf } from "./viewport";

export interface Overlay {
  readonly hover: Hover | null;
  /** Where the pointer is, in CSS pixels; null if it is elsewhere and no value is to be shown. */
  readonly pointer: readonly [number, number] | null;
  readonly query: number | null;
  readonly key: number | null;
  /** Being drawn for a zoom. */
  readonly box: Box | null;
  /** A sentence for a moment. */
  readonly hint: string;
}

/** Cells that a coarse picture shows as one. */
const blockOf = (hover: Hover, level: number): Region => {
  const size = 2 ** level;
  return {
    row0: Math.floor(hover.row / size) * size,
    col0: Math.floor(hover.col / size) * size,
    rows: size,
    cols: size,
  };
};

export function paintSelection(
  context: Canvas2D,
  scene: Scene,
  query: number | null,
  key: number | null,
): void {
  const { plot, region, theme } = scene;
  context.strokeStyle = theme.accent;
  context.lineWidth = 1.5;
  if (query !== null && within(query, region.row0, region.rows)) {
    const [y0, y1] = band(yOf(query, region, plot), yOf(query + 1, region, plot));
    rule(context, plot.x, y0, plot.x + plot.width, y0);
    if (y1 > y0) rule(context, plot.x, y1, plot.x + plot.width, y1);
    rowBadge(context, scene, query, theme.accent, theme.paper);
  }
  if (key !== null && within(key, region.col0, region.cols)) {
    const [x0, x1] = band(xOf(key, region, plot), xOf(key + 1, region, plot));
    rule(context, x0, plot.y, x0, plot.y + plot.height);
    if (x1 > x0) rule(context, x1, plot.y, x1, plot.y + plot.height);
    colBadge(context, scene, key, theme.accent, theme.paper);
  }
}

export function paintOverlay(context: Canvas2D, scene: Scene, overlay: Overlay): void {
  const { plot, theme } = scene;
  context.direction = "ltr";
  context.textBaseline = "middle";
  paintSelection(context, scene, overlay.query, overlay.key);
  const { hover, pointer, box, hint } = overlay;
  if (box) {
    context.fillStyle = theme.accent;
    context.globalAlpha = 0.15;
    context.fillRect(box.x, box.y, box.width, box.height);
    context.globalAlpha = 1;
    context.strokeStyle = theme.accent;
    context.strokeRect(box.x, box.y, box.width, box.height);
  } else if (hover) {
    paintCrosshair(context, scene, hover);
    if (pointer) paintTip(context, scene, hover, pointer);
  }
  if (hint) {
    const middle = plot.x + plot.width / 2;
    plate(
      context,
      scene,
      [{ text: hint, font: fontOf(scene), color: theme.ink }],
      [middle, plot.y + 16],
      0.5,
    );
  }
}

function paintCrosshair(context: Canvas2D, scene: Scene, hover: Hover): void {
  const { plot, region, theme } = scene;
  const { row, col } = hover;
  const seen = within(row, region.row0, region.rows) && within(col, region.col0, region.cols);
  if (seen) {
    const block = blockOf(hover, scene.level);
    const x0 = Math.max(xOf(block.col0, region, plot), plot.x);
    const y0 = Math.max(yOf(block.row0, region, plot), plot.y);
    const x1 = Math.min(xOf(block.col0 + block.cols, region, plot), plot.x + plot.width);
    const y1 = Math.min(yOf(block.row0 + block.rows, region, plot), plot.y + plot.height);
    const middleX = (x0 + x1) / 2;
    const middleY = (y0 + y1) / 2;
    // From the cell to its two labels; the other sides stay free. Ink within paper is seen on every colour.
    for (const [color, half, alpha] of [
      [theme.paper, 1.5, 0.5],
      [theme.ink, 0.5, 0.8],
    ] as const) {
      context.fillStyle = color;
      context.globalAlpha = alpha;
      context.fillRect(plot.x, middleY - half, Math.max(0, x0 - plot.x), 2 * half);
      context.fillRect(middleX - half, y1, 2 * half, Math.max(0, plot.y + plot.height - y1));
    }
    context.globalAlpha = 1;
    const [left, right] = x1 - x0 < 4 ? [middleX - 2.5, middleX + 2.5] : [x0, x1];
    const [top, bottom] = y1 - y0 < 4 ? [middleY - 2.5, middleY + 2.5] : [y0, y1];
    context.lineWidth = 3;
    context.strokeStyle = theme.paper;
    context.strokeRect(left, top, right - left, bottom - top);
    context.lineWidth = 1.25;
    context.strokeStyle = theme.ink;
    context.strokeRect(left, top, right - left, bottom - top);
  }
  if (within(row, region.row0, region.rows)) rowBadge(context, scene, row, theme.ink, theme.paper);
  if (within(col, region.col0, region.cols)) colBadge(context, scene, col, theme.ink, theme.paper);
}

/** A token's label on a ground of its own, at the left of its row. */
function rowBadge(context: Canvas2D, scene: Scene, row: number, ground: string, ink: string): void {
  const { region, plot, room, type, measure } = scene;
  const font = fontOf(scene);
  const text = labelOf(scene, row, room.left - GAP - 6, font);
  const width = measure.width(text, font) + 8;
  const height = type + 6;
  const y = Math.min(Math.max(yOf(row + 0.5, region, plot), height / 2), scene.height - height / 2);
  const right = plot.x - GAP + 4;
  pill(context, { x: right - width, y: y - height / 2, width, height }, ground);
  context.fillStyle = ink;
  context.font = font;
  context.textAlign = "right";
  context.fillText(text, right - 4, y + 0.5);
}

/** A token's label under its column. */
function colBadge(context: Canvas2D, scene: Scene, col: number, ground: string, ink: string): void {
  const { region, plot, type, measure, width: whole } = scene;
  const font = fontOf(scene);
  const text = labelOf(scene, col, type * 14, font);
  const width = measure.width(text, font) + 8;
  const height = type + 6;
  const x = Math.min(Math.max(xOf(col + 0.5, region, plot), width / 2), whole - width / 2);
  const y = plot.y + plot.height + GAP - 2;
  pill(context, { x: x - width / 2, y, width, height }, ground);
  context.fillStyle = ink;
  context.font = font;
  context.textAlign = "center";
  context.fillText(text, x, y + height / 2 + 0.5);
}

interface Line {
  readonly text: string;
  readonly font: string;
  readonly color: string;
}

function paintTip(context: Canvas2D, scene: Scene, hover: Hover, at: readonly [number, number]): void {
  const { theme, pieces } = scene;
  const { row, col, value, near } = hover;
  const [first, absent] = valueText(value, near);
  const isolated = (token: number) => `\u2068${shortened(visible(pieces[token] ?? String(token)))}\u2069`;
  const lines: Line[] = [
    { text: first, font: fontOf(scene, absent ? 1 : 1.3), color: absent ? theme.soft : theme.ink },
    { text: `${isolated(row)} → ${isolated(col)}`, font: fontOf(scene), color: theme.ink },
    { text: `query ${row}, key ${col}`, font: fontOf(scene), color: theme.soft },
  ];
  if (scene.level > 0 && !absent) {
    const size = 2 ** scene.level;
    lines.push({ text: `largest of ${size} × ${size} cells`, font: fontOf(scene), color: theme.soft });
  }
  plate(context, scene, lines, at, 0);
}

/** The value as it may be shown now, and whether there is no cell. */
function valueText(value: number | undefined, near: number | undefined): [string, boolean] {
  const known = value ?? near;
  if (known === undefined) return ["…", true];
  if (Number.isNaN(known)) return ["masked", true];
  return [value === undefined ? `≈ ${Number(known.toPrecision(2))}` : weight(known), false];
}

const LONGEST = 24;
const shortened = (text: string): string => {
  const signs = [...text];
  return signs.length > LONGEST ? `${signs.slice(0, LONGEST).join("")}…` : text;
};

/** Lines of text on paper, beside a point (`across` 0) or centred on it (0.5), always inside the canvas. */
function plate(
  context: Canvas2D,
  scene: Scene,
  lines: readonly Line[],
  [atX, atY]: readonly [number, number],
  across: number,
): void {
  const { measure, theme, type } = scene;
  const leading = type * 1.45;
  const width = Math.max(...lines.map((line) => measure.width(line.text, line.font))) + 16;
  const height = lines.length * leading + 10;
  let x = across ? atX - width * across : atX + 14;
  let y = across ? atY : atY + 14;
  if (x + width > scene.width) x = across ? scene.width - width : Math.max(0, atX - 14 - width);
  if (y + height > scene.height) y = Math.max(0, atY - 14 - height);
  x = Math.max(0, x);
  context.save();
  context.shadowColor = "rgb(0 0 0 / 0.25)";
  context.shadowBlur = 6;
  context.shadowOffsetY = 1;
  pill(context, { x, y, width, height }, theme.paper);
  context.restore();
  context.strokeStyle = theme.line;
  context.lineWidth = 1;
  context.stroke();
  context.textAlign = "left";
  lines.forEach((line, i) => {
    context.font = line.font;
    context.fillStyle = line.color;
    context.fillText(line.text, x + 8, y + 5 + (i + 0.5) * leading);
  });
}

function pill(context: Canvas2D, box: Box, ground: string): void {
  context.beginPath();
  context.roundRect(box.x, box.y, box.width, box.height, 3);
  context.fillStyle = ground;
  context.fill();
}

function rule(context: Canvas2D, x0: number, y0: number, x1: number, y1: number): void {
  context.beginPath();
  context.moveTo(x0, y0);
  context.lineTo(x1, y1);
  context.stroke();
}

/** The two sides of a row or column; one line through its middle where it is thinner than three pixels. */
function band(start: number, end: number): [number, number] {
  return end - start < 3 ? [(start + end) / 2, (start + end) / 2] : [start, end];
}

const within = (at: number, start: number, count: number): boolean => at + 1 > start && at < start + count;
