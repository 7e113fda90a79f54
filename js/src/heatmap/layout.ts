// The overview's geometry: where each head's thumbnail stands, which one lies under the pointer or beyond an
// arrow key, in which order a ranking puts them. Pure functions; Grid.tsx draws what they say.
//
// All lengths are CSS pixels. A *place* is the index of a cell, row by row.

import type { Filter, Scores, Which } from "../model";

export interface Cell {
  layer: Which;
  head: Which;
  /** The score it is ranked by; NaN where there is none. */
  value: number;
  /** False where the filter leaves it out: drawn faint in the grid, absent from a ranking. */
  kept: boolean;
}

export interface Arrangement {
  cells: Cell[];
  /** Heads across. */
  columns: number;
  /** A ranking has a caption under each thumbnail; the grid numbers its sides. */
  ranked: boolean;
}

export interface Layout extends Arrangement {
  rows: number;
  cellWidth: number;
  cellHeight: number;
  /** From one cell's left edge to the next one's. */
  stepX: number;
  stepY: number;
  /** Room for the layer numbers and the head numbers. */
  left: number;
  top: number;
  /** The whole drawing, which may be larger than its window. */
  width: number;
  height: number;
}

export interface Rect {
  x: number;
  y: number;
  width: number;
  height: number;
}

const AGGREGATES: Which[] = ["mean", "max"];

/** What a key does to the chosen place; null for a key that is not the grid's. */
const MOVES: Record<string, (place: number, layout: Layout, page: number) => number> = {
  ArrowLeft: (place) => place - 1,
  ArrowRight: (place) => place + 1,
  ArrowUp: (place, { columns }) => (place >= columns ? place - columns : place),
  ArrowDown: (place, { columns, cells }) => (place + columns < cells.length ? place + columns : place),
  Home: (place, { columns }) => place - (place % columns),
  End: (place, { columns }) => place - (place % columns) + columns - 1,
  PageUp: (place, { columns }, page) => Math.max(place % columns, place - page * columns),
  PageDown: (place, { columns, cells }, page) => {
    const rows = Math.floor((cells.length - 1 - (place % columns)) / columns);
    return Math.min((place % columns) + rows * columns, place + page * columns);
  },
};

/** The name of a head, as researchers write it: L18H6, "L18 mean". */
export function nameOf(layer: Which, head: Which): string {
  if (typeof layer === "number" && typeof head === "number") return `L${layer}H${head}`;
  const left = typeof layer === "number" ? `L${layer}` : layer;
  const right = typeof head === "number" ? `H${head}` : head;
  return `${left} ${right}`;
}

/** All scores of one column by "layer:head". */
export function column(scores: Scores | undefined, name: string): Map<string, number> {
  const at = scores?.columns?.indexOf(name) ?? -1;
  const values = new Map<string, number>();
  if (scores?.rows && at >= 0) {
    for (const row of scores.rows) values.set(`${row[0]}:${row[1]}`, row[at + 2] ?? Number.NaN);
  }
  return values;
}

/** The heads in the order in which they are to be seen.
 *
 * Unsorted: layers down, heads across, the means and maxima last where asked for. Sorted: one list, best first.
 */
export function arrange(
  layers: readonly number[],
  nHeads: number,
  options: {
    aggregates?: boolean | undefined;
    sort?: string | undefined;
    descending?: boolean | undefined;
    filter?: Filter | undefined;
    scores?: Scores | undefined;
  } = {},
): Arrangement {
  const extra = options.aggregates ? AGGREGATES : [];
  const rows: Which[] = [...layers, ...extra];
  const heads: Which[] = [...new Array(nHeads).keys(), ...extra];
  const ranked = Boolean(options.sort);
  const values = column(options.scores, options.sort ?? "");
  const [name, low, high] = options.filter ?? [];
  const filtered = name === undefined ? undefined : column(options.scores, name);
  const kept = (key: string): boolean => {
    const value = filtered?.get(key);
    return value === undefined || (value >= (low ?? Number.NEGATIVE_INFINITY) && value <= (high ?? Infinity));
  };
  let cells: Cell[] = [];
  for (const layer of rows) {
    for (const head of heads) {
      const key = `${layer}:${head}`;
      cells.push({ layer, head, value: values.get(key) ?? Number.NaN, kept: kept(key) });
    }
  }
  if (ranked) {
    const sign = options.descending === false ? 1 : -1;
    cells = cells
      .filter((cell) => cell.kept && !Number.isNaN(cell.value))
      .sort((one, other) => sign * (one.value - other.value));
  }
  return { cells, columns: Math.max(1, heads.length), ranked };
}

const LEAST = 9; // pixels of a cell
const MOST = 76;
const GAP = 2;

/** How wide the overview would like to be, where its height is given: cells as high as fit, twice as wide. */
export function wantedWidth(rows: number, columns: number, height: number): number {
  const step = Math.min(MOST, Math.max(LEAST, height / Math.max(1, rows) - GAP));
  return 48 + columns * (Math.min(MOST, 2 * step) + GAP);
}

/** The largest cells with which all heads fit into width × height, never under `least` pixels: then it scrolls.
 *
 * Cells may be up to twice as wide as high, so that thirty layers of nine heads use the width they have.
 */
export function lay(
  arrangement: Arrangement,
  width: number,
  height: number,
  { type = 11, least = LEAST, most = MOST, scrollbar = 12 } = {},
): Layout {
  const { cells, ranked } = arrangement;
  if (ranked) return layRanking(arrangement, width, type);
  const columns = arrangement.columns;
  const rows = Math.max(1, Math.ceil(cells.length / columns));
  const left = Math.ceil(type * 2.3) + 4;
  const top = Math.ceil(type * 1.5);
  const share = (length: number, count: number): number => Math.floor(length / count) - GAP;
  let cellWidth = Math.max(least, Math.min(most, share(width - left, columns)));
  let cellHeight = Math.max(least, Math.min(most, share(height - top, rows)));
  cellHeight = Math.min(cellHeight, cellWidth);
  // A drawing higher than its window gets a scroll bar, which takes from the width.
  if (rows * (cellHeight + GAP) + top > height) {
    cellWidth = Math.max(least, Math.min(most, share(width - left - scrollbar, columns)));
  }
  cellWidth = Math.min(cellWidth, cellHeight * 2);
  const stepX = cellWidth + GAP;
  const stepY = cellHeight + GAP;
  const size = { width: left + columns * stepX - GAP, height: top + rows * stepY - GAP };
  return { ...arrangement, rows, cellWidth, cellHeight, stepX, stepY, left, top, ...size };
}

function layRanking(arrangement: Arrangement, width: number, type: number): Layout {
  const caption = Math.ceil(type * 2.6) + 4;
  const gap = 8;
  const room = Math.max(1, width - 12);
  const columns = Math.max(1, Math.floor((room + gap) / (56 + gap)));
  const cellWidth = Math.floor((room + gap) / columns) - gap;
  const rows = Math.ceil(arrangement.cells.length / columns);
  const stepX = cellWidth + gap;
  const stepY = cellWidth + caption;
  const box = { left: 0, top: 2, width: columns * stepX - gap, height: 2 + rows * stepY };
  return { ...arrangement, columns, rows, cellWidth, cellHeight: cellWidth, stepX, stepY, ...box };
}

export function rectOf(layout: Layout, place: number): Rect {
  return {
    x: layout.left + (place % layout.columns) * layout.stepX,
    y: layout.top + Math.floor(place / layout.columns) * layout.stepY,
    width: layout.cellWidth,
    height: layout.cellHeight,
  };
}

/** The place under a point of the drawing; -1 beside the cells. A gap belongs to the cell before it. */
export function placeAt(layout: Layout, x: number, y: number): number {
  const across = Math.floor((x - layout.left) / layout.stepX);
  const down = Math.floor((y - layout.top) / layout.stepY);
  if (across < 0 || across >= layout.columns || down < 0) return -1;
  const place = down * layout.columns + across;
  return place < layout.cells.length ? place : -1;
}

export function placeOf(layout: Arrangement, layer: Which, head: Which): number {
  return layout.cells.findIndex((cell) => cell.layer === layer && cell.head === head);
}

/** Where a key leads from a place; undefined for a key that is not the grid's.
 *
 * `page` is how many rows a page has; `whole` says that Home and End mean the grid's and not the row's.
 */
export function move(
  layout: Layout,
  place: number,
  { key, page = 5, whole = false }: { key: string; page?: number; whole?: boolean },
): number | undefined {
  const last = layout.cells.length - 1;
  if (last < 0) return;
  if (whole && key === "Home") return 0;
  if (whole && key === "End") return last;
  const to = MOVES[key]?.(Math.max(0, place), layout, page);
  return to === undefined ? undefined : Math.max(0, Math.min(last, to));
}

/** The places that show in a window of the drawing, a row more on each side. */
export function visible(layout: Layout, y: number, height: number): [from: number, to: number] {
  const first = Math.max(0, Math.floor((y - layout.top) / layout.stepY) - 1);
  const last = Math.ceil((y + height - layout.top) / layout.stepY) + 1;
  return [
    Math.min(layout.cells.length, first * layout.columns),
    Math.min(layout.cells.length, Math.max(0, last) * layout.columns),
  ];
}

/** How far to scroll so that a stretch from..from+size shows in a window at `at` of `room` pixels. */
export function reveal(at: number, room: number, from: number, size: number): number {
  if (from < at) return from;
  if (from + size > at + room) return from + size - room;
  return at;
}

export interface Thumbnail {
  codes: Uint8Array;
  rows: number;
  cols: number;
}

/** A picture in RGBA, little endian, `stride` pixels wide. */
export interface Pixels {
  data: Uint32Array;
  stride: number;
}

/** Draws a thumbnail into the pixels of `box`, each code as its colour of `colors`.
 *
 * Smaller than the thumbnail: the strongest code of each pixel's patch, since a mean hides a thin line. Larger:
 * the cell under the pixel.
 */
export function paint(
  { data, stride }: Pixels,
  { x, y, width, height }: Rect,
  { codes, rows, cols }: Thumbnail,
  { colors, signed = false }: { colors: Uint32Array; signed?: boolean },
): void {
  for (let v = 0; v < height; v++) {
    const down = y + v;
    if (down < 0 || (down + 1) * stride > data.length) continue;
    const top = Math.floor((v * rows) / height);
    const bottom = Math.max(top + 1, Math.floor(((v + 1) * rows) / height));
    for (let u = 0; u < width; u++) {
      if (x + u < 0 || x + u >= stride) continue;
      const start = Math.floor((u * cols) / width);
      const end = Math.max(start + 1, Math.floor(((u + 1) * cols) / width));
      let strongest = 0;
      let most = -1;
      for (let i = top; i < bottom; i++) {
        for (let j = start; j < end; j++) {
          const code = codes[i * cols + j] ?? 0;
          const size = code === 0 ? -1 : signed ? Math.abs(code - 128) : code;
          if (size > most) {
            most = size;
            strongest = code;
          }
        }
      }
      data[down * stride + x + u] = colors[strongest] ?? 0;
    }
  }
}
