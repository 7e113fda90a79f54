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

/** The name of a head, as researchers write it: L18H6, "L18 mean". */
export function nameOf(layer: Which, head: Which): string {
  const numbered = typeof layer === "number" && typeof head === "number";
  return numbered ? `L${layer}H${head}` : [letter("L", layer), letter("H", head)].join(" ");
}

const letter = (sign: string, which: Which): string => (typeof which === "number" ? sign + which : which);

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
const BAR = 12; // a scroll bar

/** How wide the overview would like to be, where its height is given: cells as high as fit, twice as wide. */
export function wantedWidth(rows: number, columns: number, height: number): number {
  const step = Math.min(MOST, Math.max(LEAST, height / Math.max(1, rows) - GAP));
  return 48 + columns * (Math.min(MOST, 2 * step) + GAP);
}

/** The largest cells with which all heads fit into width × height; where they would be too small, it scrolls.
 *
 * Cells may be up to twice as wide as high, so that thirty layers of nine heads use the width they have. A ranking
 * has square ones, with two lines of words under each.
 */
export function lay(arrangement: Arrangement, width: number, height: number, type = 11): Layout {
  const { cells, ranked } = arrangement;
  const gap = ranked ? 8 : GAP;
  const left = ranked ? 0 : Math.ceil(type * 2.3) + 4;
  const top = ranked ? 2 : Math.ceil(type * 1.5);
  const across = width - left - (ranked ? BAR : 0);
  const columns = ranked ? Math.max(1, Math.floor((across + gap) / (56 + gap))) : arrangement.columns;
  const rows = Math.ceil(cells.length / columns);
  const side = (room: number, count: number): number =>
    Math.max(LEAST, Math.min(MOST, Math.floor(room / Math.max(1, count)) - gap));
  let cellWidth = side(across + (ranked ? gap : 0), columns);
  let cellHeight = ranked ? cellWidth : Math.min(cellWidth, side(height - top, rows));
  if (!ranked) {
    const scrolls = rows * (cellHeight + gap) + top > height;
    cellWidth = Math.min(2 * cellHeight, side(across - (scrolls ? BAR : 0), columns));
    cellHeight = Math.min(cellHeight, cellWidth);
  }
  const stepX = cellWidth + gap;
  const stepY = cellHeight + (ranked ? Math.ceil(type * 2.6) + 4 : gap);
  return {
    ...arrangement,
    columns,
    rows,
    cellWidth,
    cellHeight,
    stepX,
    stepY,
    left,
    top,
    width: left + columns * stepX - gap,
    height: top + rows * stepY - (ranked ? 0 : gap),
  };
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
  const { cells, columns } = layout;
  const last = cells.length - 1;
  const inRow = place % columns;
  const by: Record<string, number> = {
    ArrowLeft: -1,
    ArrowRight: 1,
    ArrowUp: -columns,
    ArrowDown: columns,
    PageUp: -page * columns,
    PageDown: page * columns,
    Home: whole ? -place : -inRow,
    End: whole ? last - place : columns - 1 - inRow,
  };
  const step = by[key];
  if (step === undefined || last < 0) return;
  // Up and down stay in their column.
  const vertical = step % columns === 0 && key !== "Home" && key !== "End";
  const lowest = vertical ? last - ((last - inRow) % columns) : last;
  return Math.max(vertical ? inRow : 0, Math.min(lowest, place + step));
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
