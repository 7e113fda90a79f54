// One tile: coded weights, and their colours once somebody looks.
import { colour, type Palette } from "../color";
import { TILE } from "./viewport";

export interface Tile {
  readonly rows: number;
  readonly cols: number;
  /** Coded weights, row by row. */
  readonly codes: Uint8Array;
  /** False where only some query rows were looked at. */
  readonly exact: boolean;
}

type Drawable = OffscreenCanvas | HTMLCanvasElement;

/** A tile in the cache, with its picture in the colours of the palette that drew it last. */
export interface Kept extends Tile {
  image: Drawable | undefined;
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
  const context = kept.image.getContext("2d") as OffscreenCanvasRenderingContext2D | null;
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

function makeCanvas(width: number, height: number): Drawable {
  if (typeof OffscreenCanvas !== "undefined") return new OffscreenCanvas(width, height);
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  return canvas;
}
