// One tile: coded weights, and their colours once somebody looks.
import { colour, type Palette } from "../color";
import { type Beside, makeCanvas, penOf } from "./pen";
import { TILE, type TileSpot } from "./viewport";

export interface Tile {
  readonly rows: number;
  readonly cols: number;
  /** Coded weights, row by row. */
  readonly codes: Uint8Array;
  /** False where only some query rows were looked at. */
  readonly exact: boolean;
}

/** A tile in the cache, with its picture in the colours of the palette that drew it last. */
export interface Kept extends Tile {
  image: Beside | undefined;
  imageOf: string; // the palette's name
}

/** What a tile takes: a byte for each code, four for its pixel. */
export const weigh = ({ rows, cols }: Pick<Tile, "rows" | "cols">): number => rows * cols * 5;

/** The tile in place of an older one, whose canvas serves again where it fits. */
export function keep(tile: Tile, old: Kept | undefined): Kept {
  const fits = old && old.rows === tile.rows && old.cols === tile.cols;
  return { ...tile, image: fits ? old.image : undefined, imageOf: "" };
}

/** The tile in colour. It is coloured once for each palette. */
export function imageOf(tile: Tile, palette: Palette): CanvasImageSource | undefined {
  const kept = tile as Kept;
  if (kept.image && kept.imageOf === palette.name) return kept.image;
  kept.image ??= makeCanvas(tile.cols, tile.rows);
  const context = penOf(kept.image);
  if (!context) return undefined;
  const data = context.createImageData(tile.cols, tile.rows);
  colour(tile.codes, palette.lut, new Uint32Array(data.data.buffer));
  context.putImageData(data, 0, 0);
  kept.imageOf = palette.name;
  return kept.image;
}

/** Tile (row, col) of a square picture that came whole. */
export function cut(codes: Uint8Array, side: number, row: number, col: number): Omit<Tile, "exact"> {
  const rows = Math.min(TILE, side - row * TILE);
  const cols = Math.min(TILE, side - col * TILE);
  const out = new Uint8Array(rows * cols);
  for (let i = 0; i < rows; i++) {
    const start = (row * TILE + i) * side + col * TILE;
    out.set(codes.subarray(start, start + cols), i * cols);
  }
  return { rows, cols, codes: out };
}

/** The tile with further rows of the text, float32 of `length` cells each, coded and pooled as the kernel does. */
export function grown(
  tile: Tile,
  { level, row, col }: TileSpot,
  from: number,
  length: number,
  lines: Float32Array,
): Tile {
  const side = Math.ceil(length / 2 ** level);
  const rows = Math.min(TILE, side - row * TILE);
  const cols = Math.min(TILE, side - col * TILE);
  const codes = new Uint8Array(rows * cols);
  for (let i = 0; i < Math.min(rows, tile.rows); i++) {
    codes.set(tile.codes.subarray(i * tile.cols, i * tile.cols + Math.min(cols, tile.cols)), i * cols);
  }
  const [start, end] = [col * TILE * 2 ** level, Math.min(length, (col + 1) * TILE * 2 ** level)];
  for (let at = from; at < length; at++) {
    const i = Math.floor(at / 2 ** level) - row * TILE;
    if (i < 0 || i >= rows) continue;
    for (let j = start; j < end; j++) {
      const weight = lines[(at - from) * length + j] as number;
      if (Number.isNaN(weight)) continue;
      const cell = i * cols + Math.floor(j / 2 ** level) - col * TILE;
      const code = Math.round(Math.min(Math.max(weight, 0), 1) ** 0.25 * 254) + 1;
      if (code > (codes[cell] as number)) codes[cell] = code;
    }
  }
  return { rows, cols, codes, exact: tile.exact };
}
