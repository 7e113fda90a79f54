// The matrix's geometry, without a pixel drawn: which tokens are seen, where, and which tiles show them.
//
// Rows are queries and run down, columns are keys and run to the right; a cell (i, j) covers the square
// from (i, j) to (i + 1, j + 1) in token units.

/** Cells of a side of a tile. */
export const TILE = 256;
/** The coarsest level has at most so many cells a side. */
export const COARSEST = 32;
/** A cell is never larger than this, in CSS pixels: three tokens need no wall of colour. */
export const LARGEST_CELL = 96;

/** A rectangle in tokens. */
export interface Region {
  readonly row0: number;
  readonly col0: number;
  readonly rows: number;
  readonly cols: number;
}

/** A rectangle in pixels. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface TileSpot {
  readonly level: number;
  readonly row: number;
  readonly col: number;
}

export const limit = (value: number, least: number, most: number): number =>
  Math.min(Math.max(value, least), most);

export const inside = (box: Box | undefined, x: number, y: number): boolean =>
  box !== undefined && x >= box.x && x < box.x + box.width && y >= box.y && y < box.y + box.height;

export const whole = (length: number): Region => ({ row0: 0, col0: 0, rows: length, cols: length });

export const isWhole = (region: Region, length: number): boolean =>
  region.rows >= length && region.cols >= length;

/** The region of a `view` trait; nonsense and [] are the whole head. */
export function regionOf(view: readonly number[], length: number): Region {
  const [row0 = 0, col0 = 0, rows = 0, cols = 0] = view;
  if (view.length !== 4 || !view.every(Number.isFinite)) return whole(length);
  return clamp({ row0, col0, rows, cols }, length, 1);
}

/** The `view` trait of a region. */
export function viewOf(region: Region, length: number): [] | [number, number, number, number] {
  if (isWhole(region, length)) return [];
  const round = (value: number) => Math.round(value * 1000) / 1000;
  return [round(region.row0), round(region.col0), round(region.rows), round(region.cols)];
}

/** The nearest region inside the head, at least `least` cells a side. */
export function clamp(region: Region, length: number, least: number): Region {
  const side = (cells: number) => limit(cells, Math.min(least, length), length);
  const rows = side(region.rows);
  const cols = side(region.cols);
  return {
    row0: limit(region.row0, 0, length - rows),
    col0: limit(region.col0, 0, length - cols),
    rows,
    cols,
  };
}

/** The fewest cells a side that a box of this size may show. */
export function leastCells(plot: Box): number {
  return Math.max(1, Math.min(plot.width, plot.height) / LARGEST_CELL);
}

/** Closer by `factor` about a point, which stays where it is on the screen (but for the head's edges). */
export function zoomAbout(
  region: Region,
  factor: number,
  [row, col]: readonly [number, number],
  length: number,
  least: number,
): Region {
  // One factor for both sides: cells keep their shape, but at the very end, which is the whole head.
  const most = Math.min(region.rows, region.cols) / Math.min(least, length);
  const fewest = Math.min(region.rows / length, region.cols / length, 1);
  const by = limit(factor, fewest, Math.max(most, 1));
  const rows = region.rows / by;
  const cols = region.cols / by;
  return clamp(
    { row0: row - (row - region.row0) / by, col0: col - (col - region.col0) / by, rows, cols },
    length,
    least,
  );
}

export function panned(region: Region, rows: number, cols: number, length: number): Region {
  return clamp({ ...region, row0: region.row0 + rows, col0: region.col0 + cols }, length, 0);
}

/** The smallest move that shows a cell. */
export function showing(region: Region, row: number, col: number, length: number): Region {
  const start = (first: number, count: number, at: number) =>
    at < first ? at : at + 1 > first + count ? at + 1 - count : first;
  const row0 = start(region.row0, region.rows, row);
  const col0 = start(region.col0, region.cols, col);
  return clamp({ ...region, row0, col0 }, length, 0);
}

/** A drawn box widened to the plot's own shape of cells, so that cells look alike at every zoom. */
export function shaped(box: Region, length: number, least: number): Region {
  const side = Math.max(box.rows, box.cols);
  const middleRow = box.row0 + box.rows / 2;
  const middleCol = box.col0 + box.cols / 2;
  return clamp(
    { row0: middleRow - side / 2, col0: middleCol - side / 2, rows: side, cols: side },
    length,
    least,
  );
}

export const xOf = (col: number, region: Region, plot: Box): number =>
  plot.x + ((col - region.col0) * plot.width) / region.cols;

export const yOf = (row: number, region: Region, plot: Box): number =>
  plot.y + ((row - region.row0) * plot.height) / region.rows;

/** The point of the head under a pixel, as (row, column) in token units. */
export function pointAt(x: number, y: number, region: Region, plot: Box): [number, number] {
  return [
    region.row0 + ((y - plot.y) * region.rows) / plot.height,
    region.col0 + ((x - plot.x) * region.cols) / plot.width,
  ];
}

/** The coarsest level: the first with at most COARSEST cells a side. */
export function coarsest(length: number): number {
  let level = 0;
  while (cellsAt(level, length) > COARSEST) level++;
  return level;
}

/** Cells of a side of the whole head at a level. */
export const cellsAt = (level: number, length: number): number => Math.ceil(length / 2 ** level);

/** The finest level none of whose cells is smaller than a device pixel: no maximum falls between pixels. */
export function levelFor(region: Region, plot: Box, ratio: number, length: number): number {
  const tokens = Math.max(region.rows / (plot.height * ratio), region.cols / (plot.width * ratio));
  const level = Math.ceil(Math.log2(Math.max(tokens, 1)) - 1e-6);
  return Math.min(level, coarsest(length));
}

/** The tiles of a level that a region touches and that have cells, those in its middle first. */
export function tilesOf(region: Region, level: number, length: number, causal: boolean): TileSpot[] {
  const span = TILE * 2 ** level; // tokens a tile
  const last = Math.ceil(length / span) - 1;
  const range = (start: number, count: number): [number, number] => [
    Math.max(0, Math.floor(start / span)),
    Math.min(last, Math.ceil((start + count) / span) - 1),
  ];
  const [top, bottom] = range(region.row0, region.rows);
  const [left, right] = range(region.col0, region.cols);
  const spots: TileSpot[] = [];
  for (let row = top; row <= bottom; row++) {
    // Above the diagonal a causal head has no cells.
    for (let col = left; col <= (causal ? Math.min(right, row) : right); col++)
      spots.push({ level, row, col });
  }
  const middleRow = (region.row0 + region.rows / 2) / span - 0.5;
  const middleCol = (region.col0 + region.cols / 2) / span - 0.5;
  const far = (spot: TileSpot) => (spot.row - middleRow) ** 2 + (spot.col - middleCol) ** 2;
  return spots.sort((a, b) => far(a) - far(b));
}

/** The smallest of 1, 2, 5, 10, 20, 50 … that is at least `least`. */
export function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(least, 1)));
  return ([1, 2, 5].find((times) => times * power >= least - 1e-9) ?? 10) * power;
}
