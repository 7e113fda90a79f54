// What comes and goes over the cells: the chosen row and column, the crosshair, the box that is being drawn.
// It has a canvas of its own, so that hovering paints no cell again.
import { GAP } from "./axes";
import { showsNumbers } from "./paint";
import { type Canvas2D, makeCanvas, penOf, stroke, write } from "./pen";
import { nameOf, type Scene } from "./scene";
import type { Hover } from "./types";
import { type Box, limit } from "./viewport";

/** The chosen query's row and the chosen key's column, with their labels. */
export function paintSelection(on: Canvas2D, scene: Scene, query: number | null, key: number | null): void {
  const { plot, right, bottom, theme } = scene;
  on.lineWidth = 1.5;
  for (const [token, across] of [
    [query, false],
    [key, true],
  ] as const) {
    if (token === null || !sees(scene, token, across)) continue;
    const place = across ? scene.x : scene.y;
    const [start, end] = [place(token), place(token + 1)];
    // Two lines around it; one through its middle where it is thin.
    for (const at of end - start < 3 ? [(start + end) / 2] : [start, end]) {
      if (across) stroke(on, theme.accent, at, plot.y, at, bottom);
      else stroke(on, theme.accent, plot.x, at, right, at);
    }
    badge(on, scene, token, across, theme.accent);
  }
}

export function paintBox(on: Canvas2D, { theme }: Scene, { x, y, width, height }: Box): void {
  on.fillStyle = theme.accent;
  on.globalAlpha = 0.2;
  on.fillRect(x, y, width, height);
  on.globalAlpha = 1;
  on.strokeStyle = theme.accent;
  on.strokeRect(x, y, width, height);
}

/** From the cell (or the block that a coarse picture shows as one) to its two labels. */
export function paintCrosshair(on: Canvas2D, scene: Scene, { row, col }: Hover): void {
  const { plot, right, bottom, theme } = scene;
  const seesRow = sees(scene, row, false);
  const seesCol = sees(scene, col, true);
  if (seesRow && seesCol) {
    const size = 2 ** scene.level;
    const [i, j] = [row - (row % size), col - (col % size)];
    const x0 = Math.max(scene.x(j), plot.x);
    const y0 = Math.max(scene.y(i), plot.y);
    const x1 = Math.min(scene.x(j + size), right);
    const y1 = Math.min(scene.y(i + size), bottom);
    const [x, y] = [(x0 + x1) / 2, (y0 + y1) / 2];
    const width = Math.max(x1 - x0, 5);
    const height = Math.max(y1 - y0, 5);
    // Ink within paper is seen on every colour.
    for (const [color, pen] of [
      [theme.paper, 3],
      [theme.ink, 1],
    ] as const) {
      on.lineWidth = pen;
      if (!showsNumbers(scene)) {
        stroke(on, color, plot.x, y, x - width / 2, y);
        stroke(on, color, x, y + height / 2, x, bottom);
      }
      on.strokeStyle = color;
      on.strokeRect(x - width / 2, y - height / 2, width, height);
    }
  }
  if (seesRow) badge(on, scene, row, false, theme.ink);
  if (seesCol) badge(on, scene, col, true, theme.ink);
}

/** A token's label on a ground of its own, beside its row or under its column (`across`). */
function badge(on: Canvas2D, scene: Scene, token: number, across: boolean, ground: string): void {
  const { plot, bottom, room, type, font, theme, ratio } = scene;
  const text = nameOf(scene, token, across ? type * 14 : room.left - GAP - 6);
  const width = Math.ceil(scene.measure.width(text, font)) + 8;
  const height = type + 6;
  const x = across
    ? limit(scene.x(token + 0.5) - width / 2, 0, scene.width - width)
    : plot.x - GAP + 4 - width;
  const y = across ? bottom + GAP - 2 : limit(scene.y(token + 0.5) - height / 2, 0, scene.height - height);
  // Words on a canvas that stands in the page make the browser first work out the page's styles, for 2 ms and more
  // in the middle of a frame. On a canvas beside the page they do not.
  const beside = makeCanvas(Math.ceil(width * ratio), Math.ceil(height * ratio));
  const pen = penOf(beside);
  if (!pen) return;
  pen.scale(ratio, ratio);
  pen.fillStyle = ground;
  pen.beginPath();
  pen.roundRect(0, 0, width, height, 3);
  pen.fill();
  pen.font = font;
  write(pen, text, [width / 2, height / 2 + 0.5], "center", theme.paper);
  on.drawImage(
    beside,
    Math.round(x * ratio) / ratio,
    Math.round(y * ratio) / ratio,
    beside.width / ratio,
    beside.height / ratio,
  );
}

function sees({ region }: Scene, token: number, across: boolean): boolean {
  const start = across ? region.col0 : region.row0;
  return token + 1 > start && token < start + (across ? region.cols : region.rows);
}
