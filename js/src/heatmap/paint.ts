// The cells: tiles, what stands in for those that are not there, and the edges of what is masked.
import type { TileCache } from "./cache";
import type { Patches } from "./patch";
import { type Canvas2D, stroke, write } from "./pen";
import type { Scene } from "./scene";
import { imageOf, type Tile } from "./tile";
import { coarsest, type Region, TILE, type TileSpot, tilesOf } from "./viewport";

/** From this size on (CSS pixels) neighbouring cells are set apart by a hair line. */
const APART = 14;

/**
 * Draws the plot: no work per cell but the colouring of tiles that are new.
 * True if all that it shows is exact; false if some of it was seen through a few query rows only.
 */
export function paintCells(on: Canvas2D, scene: Scene, cache: TileCache): boolean {
  const { plot, region, level, length, causal } = scene;
  on.save();
  on.beginPath();
  on.rect(plot.x, plot.y, plot.width, plot.height);
  on.clip();
  on.imageSmoothingEnabled = false;
  const there: [Tile, TileSpot][] = [];
  let exact = true;
  for (const spot of tilesOf(region, level, length, causal)) {
    const tile = cache.get(scene.picture, spot);
    if (tile) there.push([tile, spot]);
    else exact = standIn(on, scene, cache, spot) && exact;
  }
  // After the stand-ins, whose cells may be larger than a whole tile.
  for (const [tile, spot] of there) drawTile(on, scene, tile, spot, region);
  if (Math.min(scene.cellWidth, scene.cellHeight) >= APART) drawHairLines(on, scene);
  if (scene.sinkHidden && scene.cellWidth >= 4 && length > 1) hatchSink(on, scene);
  drawEdges(on, scene);
  on.restore();
  return exact && there.every(([tile]) => tile.exact);
}

/** What stands for a tile until it is there: its part of the nearest coarser tile. False where that was sampled. */
function standIn(on: Canvas2D, scene: Scene, cache: TileCache, spot: TileSpot): boolean {
  const { region } = scene;
  const span = TILE * 2 ** spot.level;
  const row0 = Math.max(region.row0, spot.row * span);
  const col0 = Math.max(region.col0, spot.col * span);
  const rows = Math.min(region.row0 + region.rows, (spot.row + 1) * span) - row0;
  const cols = Math.min(region.col0 + region.cols, (spot.col + 1) * span) - col0;
  for (let level = spot.level + 1; level <= coarsest(scene.length); level++) {
    const up = 2 ** (level - spot.level);
    const parent = { level, row: Math.floor(spot.row / up), col: Math.floor(spot.col / up) };
    const tile = cache.get(scene.picture, parent);
    if (tile) {
      drawTile(on, scene, tile, parent, { row0, col0, rows, cols });
      return tile.exact;
    }
  }
  return true;
}

/** Draws the cells of a tile that lie in `part` (tokens). Their edges lie on whole device pixels: no seams. */
function drawTile(on: Canvas2D, scene: Scene, tile: Tile, spot: TileSpot, part: Region): void {
  const image = imageOf(tile, scene.palette);
  if (!image) return;
  const cell = 2 ** spot.level; // tokens
  const top = spot.row * TILE * cell;
  const left = spot.col * TILE * cell;
  const i0 = Math.max(0, Math.floor((part.row0 - top) / cell));
  const j0 = Math.max(0, Math.floor((part.col0 - left) / cell));
  const rows = Math.min(tile.rows, Math.ceil((part.row0 + part.rows - top) / cell)) - i0;
  const cols = Math.min(tile.cols, Math.ceil((part.col0 + part.cols - left) / cell)) - j0;
  if (rows <= 0 || cols <= 0) return;
  const snap = (value: number) => Math.round(value * scene.ratio) / scene.ratio;
  const x = snap(scene.x(left + j0 * cell));
  const y = snap(scene.y(top + i0 * cell));
  const width = snap(scene.x(left + (j0 + cols) * cell)) - x;
  const height = snap(scene.y(top + (i0 + rows) * cell)) - y;
  on.drawImage(image, j0, i0, cols, rows, x, y, width, height);
}

function drawHairLines(on: Canvas2D, scene: Scene): void {
  const { region, plot, theme, right, bottom } = scene;
  on.lineWidth = 1 / scene.ratio;
  for (let row = Math.ceil(region.row0); row <= region.row0 + region.rows; row++) {
    stroke(on, theme.paper, plot.x, scene.y(row), right, scene.y(row));
  }
  for (let col = Math.ceil(region.col0); col <= region.col0 + region.cols; col++) {
    stroke(on, theme.paper, scene.x(col), plot.y, scene.x(col), bottom);
  }
}

/** The first token's column, which the picture leaves out, is hatched where it is wide enough to be seen. */
function hatchSink(on: Canvas2D, scene: Scene): void {
  const { plot, bottom, cellWidth: width } = scene;
  const x = scene.x(0);
  if (x + width <= plot.x) return;
  const top = Math.max(scene.y(0), plot.y);
  on.save();
  on.beginPath();
  on.rect(x, top, width, bottom - top);
  on.clip();
  on.lineWidth = 1;
  for (let y = top - (top % 7); y < bottom + width; y += 7) {
    stroke(on, scene.theme.line, x, y, x + width, y - width);
  }
  on.restore();
}

/** The edges of the causal mask and of a sliding window: a cell is there, or it is not. */
function drawEdges(on: Canvas2D, scene: Scene): void {
  const { edge, window, theme, length } = scene;
  on.lineWidth = 1;
  if (edge) stroke(on, theme.line, ...stairs(scene, 1));
  if (window < length) {
    on.setLineDash([5, 4]);
    stroke(on, theme.accent, ...stairs(scene, 1 - window));
  }
}

/** A path along the cells (i, i + offset), in steps where cells are large enough to see them. */
function stairs(scene: Scene, offset: number): number[] {
  const { region, length, x, y } = scene;
  const first = Math.max(Math.floor(region.row0) - 1, 0, -offset);
  const last = Math.min(Math.ceil(region.row0 + region.rows) + 1, length);
  const points = [x(first + offset), y(first)];
  for (let row = first; scene.cellWidth >= 4 && row < last; row++) {
    points.push(x(row + offset), y(row + 1), x(row + 1 + offset), y(row + 1));
  }
  return [...points, x(last + offset), y(last)];
}

/** Whether numbers fit into the cells. */
export function showsNumbers({ cellWidth, cellHeight, type, length }: Scene): boolean {
  return length > 0 && cellWidth >= type * 3.4 && cellHeight >= type * 1.8;
}

/** The weights themselves, where the exact values are there. */
export function paintNumbers(on: Canvas2D, scene: Scene, patches: Patches): void {
  const { region, plot, palette, type, right, bottom } = scene;
  on.font = scene.font;
  for (let row = Math.floor(region.row0); row < region.row0 + region.rows; row++) {
    for (let col = Math.floor(region.col0); col < region.col0 + region.cols; col++) {
      const value = patches.value(scene.picture, row, col) ?? Number.NaN;
      const [x, y] = [scene.x(col + 0.5), scene.y(row + 0.5)];
      if (
        Number.isNaN(value) ||
        x < plot.x + type ||
        x > right - type ||
        y < plot.y + type / 2 ||
        y > bottom - type / 2
      )
        continue;
      write(
        on,
        value.toFixed(Math.abs(value) < 10 ? 2 : 1).replace("-", "−"),
        [x, y],
        "center",
        palette.ink(value),
      );
    }
  }
}
