// The cells: tiles, what stands in for those that are not there, and the edges of what is masked.

import type { TileCache } from "./cache";
import type { PatchCache } from "./patch";
import { cellOf, fontOf, type Scene } from "./scene";
import { imageOf, type Tile } from "./tile";
import { coarsest, pointAt, type Region, TILE, type TileSpot, tilesOf, xOf, yOf } from "./viewport";

export type Canvas2D = CanvasRenderingContext2D;

/** From this size on (CSS pixels) neighbouring cells are set apart by a hair line. */
const APART = 14;

/** Draws the plot: no work per cell but the colouring of tiles that are new. */
export function paintCells(context: Canvas2D, scene: Scene, cache: TileCache): void {
  const { plot, region, level, length, causal } = scene;
  context.save();
  context.beginPath();
  context.rect(plot.x, plot.y, plot.width, plot.height);
  context.clip();
  context.imageSmoothingEnabled = false;
  const there: [TileSpot, Tile][] = [];
  for (const spot of tilesOf(region, level, length, causal)) {
    const tile = cache.get(scene.picture, spot);
    if (tile) there.push([spot, tile]);
    else standIn(context, scene, cache, spot);
  }
  // After the stand-ins, whose cells may be larger than a whole tile.
  for (const [spot, tile] of there) drawTile(context, scene, tile, spot, region);
  if (cellOf(scene).width >= APART && cellOf(scene).height >= APART) drawHairLines(context, scene);
  if (scene.sinkHidden) hatchSink(context, scene);
  drawEdges(context, scene);
  context.restore();
}

/** What stands for a tile until it is there: its part of the nearest coarser tile. */
function standIn(context: Canvas2D, scene: Scene, cache: TileCache, spot: TileSpot): void {
  const span = TILE * 2 ** spot.level;
  const part = intersect(scene.region, {
    row0: spot.row * span,
    col0: spot.col * span,
    rows: span,
    cols: span,
  });
  for (let level = spot.level + 1; level <= coarsest(scene.length); level++) {
    const up = 2 ** (level - spot.level);
    const parent = { level, row: Math.floor(spot.row / up), col: Math.floor(spot.col / up) };
    const tile = cache.get(scene.picture, parent);
    if (tile) {
      drawTile(context, scene, tile, parent, part);
      return;
    }
  }
}

/** Draws the part of a tile that lies in `part` (tokens). Edges lie on whole device pixels: no seams. */
function drawTile(context: Canvas2D, scene: Scene, tile: Tile, spot: TileSpot, part: Region): void {
  const image = imageOf(tile, scene.palette);
  if (!image) return;
  const { region, plot, ratio } = scene;
  const cell = 2 ** spot.level; // tokens
  const top = spot.row * TILE * cell;
  const left = spot.col * TILE * cell;
  const i0 = Math.max(0, Math.floor((part.row0 - top) / cell));
  const j0 = Math.max(0, Math.floor((part.col0 - left) / cell));
  const i1 = Math.min(tile.rows, Math.ceil((part.row0 + part.rows - top) / cell));
  const j1 = Math.min(tile.cols, Math.ceil((part.col0 + part.cols - left) / cell));
  if (i1 <= i0 || j1 <= j0) return;
  const snap = (value: number) => Math.round(value * ratio) / ratio;
  const x0 = snap(xOf(left + j0 * cell, region, plot));
  const y0 = snap(yOf(top + i0 * cell, region, plot));
  const x1 = snap(xOf(left + j1 * cell, region, plot));
  const y1 = snap(yOf(top + i1 * cell, region, plot));
  context.drawImage(image, j0, i0, j1 - j0, i1 - i0, x0, y0, x1 - x0, y1 - y0);
}

function drawHairLines(context: Canvas2D, scene: Scene): void {
  const { region, plot, theme, ratio } = scene;
  context.strokeStyle = theme.paper;
  context.lineWidth = 1 / ratio;
  context.beginPath();
  for (let row = Math.ceil(region.row0); row <= region.row0 + region.rows; row++) {
    const y = yOf(row, region, plot);
    context.moveTo(plot.x, y);
    context.lineTo(plot.x + plot.width, y);
  }
  for (let col = Math.ceil(region.col0); col <= region.col0 + region.cols; col++) {
    const x = xOf(col, region, plot);
    context.moveTo(x, plot.y);
    context.lineTo(x, plot.y + plot.height);
  }
  context.stroke();
}

/** The first token's column, which the picture leaves out, is hatched where it is wide enough to be seen. */
function hatchSink(context: Canvas2D, scene: Scene): void {
  const { region, plot, theme, length } = scene;
  const { width } = cellOf(scene);
  if (region.col0 >= 1 || width < 4 || length < 2) return;
  const x = xOf(0, region, plot);
  const top = yOf(0, region, plot);
  const bottom = yOf(length, region, plot);
  context.save();
  context.beginPath();
  context.rect(x, top, width, bottom - top);
  context.clip();
  context.strokeStyle = theme.line;
  context.lineWidth = 1;
  context.beginPath();
  const from = Math.max(top, plot.y - width);
  const to = Math.min(bottom, plot.y + plot.height) + width;
  for (let y = from - (from % 7); y < to; y += 7) {
    context.moveTo(x, y);
    context.lineTo(x + width, y - width);
  }
  context.stroke();
  context.restore();
}

/** The edge of the causal mask, and of a sliding window: a cell is there, or it is not. */
function drawEdges(context: Canvas2D, scene: Scene): void {
  const { causal, window, theme, length } = scene;
  context.lineWidth = 1;
  if (causal) {
    context.strokeStyle = theme.line;
    stairs(context, scene, 1);
  }
  if (window !== null && window < length) {
    context.strokeStyle = theme.accent;
    context.setLineDash([5, 4]);
    stairs(context, scene, 1 - window);
    context.setLineDash([]);
  }
}

/** A line along the cells (i, i + offset), in steps where cells are large enough to see them. */
function stairs(context: Canvas2D, scene: Scene, offset: number): void {
  const { region, plot } = scene;
  const first = Math.max(Math.floor(region.row0) - 1, 0, -offset);
  const last = Math.min(Math.ceil(region.row0 + region.rows) + 1, scene.length);
  const x = (col: number) => xOf(col, region, plot);
  const y = (row: number) => yOf(row, region, plot);
  context.beginPath();
  context.moveTo(x(first + offset), y(first));
  if (cellOf(scene).width >= 4) {
    for (let row = first; row < last; row++) {
      context.lineTo(x(row + offset), y(row + 1));
      context.lineTo(x(row + 1 + offset), y(row + 1));
    }
  } else context.lineTo(x(last + offset), y(last));
  context.stroke();
}

/** The weights themselves, where cells are large enough and the exact values are there. */
export function paintNumbers(context: Canvas2D, scene: Scene, patches: PatchCache): void {
  const { region, plot, palette, type } = scene;
  const { width, height } = cellOf(scene);
  context.font = fontOf(scene);
  context.textAlign = "center";
  context.textBaseline = "middle";
  forCells(region, (row, col) => {
    const value = patches.value(scene.picture, row, col);
    if (value === undefined || Number.isNaN(value)) return;
    const x = xOf(col + 0.5, region, plot);
    const y = yOf(row + 0.5, region, plot);
    const outside =
      x < plot.x + type || x > plot.x + plot.width - type || y < plot.y || y > plot.y + plot.height;
    if (outside || width < type || height < type) return;
    context.fillStyle = palette.ink(value);
    context.fillText(value.toFixed(2).replace("-", "−"), x, y);
  });
}

/** Whether numbers fit into the cells. */
export function showsNumbers(scene: Scene): boolean {
  const { width, height } = cellOf(scene);
  return scene.length > 0 && width >= scene.type * 3.4 && height >= scene.type * 1.8;
}

/** What must be known to read the picture, in the corner that a causal mask leaves free. */
export function paintNotes(context: Canvas2D, scene: Scene): void {
  const { plot, region, theme, type, measure, notes, causal } = scene;
  const font = fontOf(scene);
  const width = Math.max(0, ...notes.map((note) => measure.width(note, font)));
  const height = notes.length * type * 1.5;
  const [row, col] = pointAt(plot.x + plot.width - width - 8, plot.y + height + 8, region, plot);
  if (!causal || col < row + 1) return; // cells are there
  context.font = font;
  context.fillStyle = theme.soft;
  context.textAlign = "right";
  context.textBaseline = "top";
  notes.forEach((note, i) => {
    context.fillText(note, plot.x + plot.width - 4, plot.y + 4 + i * type * 1.5);
  });
}

function forCells(region: Region, visit: (row: number, col: number) => void): void {
  for (let row = Math.floor(region.row0); row < region.row0 + region.rows; row++) {
    for (let col = Math.floor(region.col0); col < region.col0 + region.cols; col++) visit(row, col);
  }
}

function intersect(a: Region, b: Region): Region {
  const row0 = Math.max(a.row0, b.row0);
  const col0 = Math.max(a.col0, b.col0);
  return {
    row0,
    col0,
    rows: Math.min(a.row0 + a.rows, b.row0 + b.rows) - row0,
    cols: Math.min(a.col0 + a.cols, b.col0 + b.cols) - col0,
  };
}
