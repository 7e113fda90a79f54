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
  /** Rows of a block of layers, and from one block's left edge to the next one's. */
  deep: number;
  stepBlock: number;
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
 * Unsorted, or sorted by a score that is not there yet: layers down, heads across, the means and maxima last
 * where asked for. Sorted: one list, best first.
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
  const values = column(options.scores, options.sort ?? "");
  const ranked = values.size > 0;
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
export const LARGEST = 128;
const GAP = 2;
const BAR = 12; // a scroll bar
const BETWEEN = 8; // two blocks

/** The largest cells with which all heads fit into width × height; where they would be too small, it scrolls.
 *
 * Cells may be up to twice as wide as high. Many layers of few heads stand in blocks side by side, as columns of a
 * newspaper, where that makes the cells larger. A ranking has square cells, with two lines of words under each.
 */
export function lay(arrangement: Arrangement, width: number, height: number, type = 11): Layout {
  const { cells, ranked } = arrangement;
  if (ranked) return layRanking(arrangement, width, type);
  const { columns } = arrangement;
  const rows = Math.ceil(cells.length / columns);
  const left = Math.ceil(type * 2.3) + 4;
  const top = Math.ceil(type * 1.5);
  const side = (room: number, count: number): number =>
    Math.max(LEAST, Math.min(LARGEST, Math.floor(room / Math.max(1, count)) - GAP));
  let best: Layout | undefined;
  for (const blocks of [1, 2, 3]) {
    const deep = Math.ceil(rows / blocks);
    const room = (width + BETWEEN) / blocks - BETWEEN - left;
    const scrolls = deep * (side(height - top, deep) + GAP) + top > height;
    let cellWidth = side(room - (scrolls ? BAR : 0), columns);
    const cellHeight = Math.min(cellWidth, side(height - top, deep));
    cellWidth = Math.min(cellWidth, 2 * cellHeight);
    const [stepX, stepY] = [cellWidth + GAP, cellHeight + GAP];
    const stepBlock = left + columns * stepX - GAP + BETWEEN;
    const size = { width: blocks * stepBlock - BETWEEN, height: top + deep * stepY - GAP };
    const larger =
      !best || (size.width <= width && cellWidth * cellHeight > best.cellWidth * best.cellHeight);
    if (larger) {
      best = {
        ...arrangement,
        rows,
        deep,
        cellWidth,
        cellHeight,
        stepX,
        stepY,
        stepBlock,
        left,
        top,
        ...size,
      };
    }
  }
  return best as Layout;
}

function layRanking(arrangement: Arrangement, width: number, type: number): Layout {
  const [gap, left, top] = [8, 4, 4];
  const room = width - left - BAR + gap;
  const columns = Math.max(1, Math.floor(room / (56 + gap)));
  const cell = Math.floor(room / columns) - gap;
  const rows = Math.ceil(arrangement.cells.length / columns);
  const [stepX, stepY] = [cell + gap, cell + Math.ceil(type * 2.6) + 4];
  const size = { width: left + columns * stepX, height: top + rows * stepY };
  const steps = { stepX, stepY, stepBlock: size.width, deep: Math.max(1, rows) };
  return { ...arrangement, columns, rows, cellWidth: cell, cellHeight: cell, left, top, ...steps, ...size };
}

export function rectOf(layout: Layout, place: number): Rect {
  const row = Math.floor(place / layout.columns);
  const block = Math.floor(row / layout.deep);
  return {
    x: layout.left + (place % layout.columns) * layout.stepX + block * layout.stepBlock,
    y: layout.top + (row % layout.deep) * layout.stepY,
    width: layout.cellWidth,
    height: layout.cellHeight,
  };
}

/** The place under a point of the drawing; -1 beside the cells. A gap belongs to the cell before it. */
export function placeAt(layout: Layout, x: number, y: number): number {
  const { left, top, stepX, stepY, stepBlock, columns, deep, cells } = layout;
  const block = Math.max(0, Math.floor(x / stepBlock));
  const across = Math.floor((x - block * stepBlock - left) / stepX);
  const down = Math.floor((y - top) / stepY);
  if (across < 0 || across >= columns || down < 0 || down >= deep) return -1;
  const place = (block * deep + down) * columns + across;
  return place < cells.length ? place : -1;
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
  const { cells, columns, rows, deep, top, stepY } = layout;
  if (deep < rows) return [0, cells.length]; // blocks fit, or nearly
  const first = Math.max(0, Math.floor((y - top) / stepY) - 1);
  const last = Math.max(0, Math.ceil((y + height - top) / stepY) + 1);
  return [Math.min(cells.length, first * columns), Math.min(cells.length, last * columns)];
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
  /** False where only some query rows were looked at. */
  exact?: boolean;
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
