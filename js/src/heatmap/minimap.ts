// The whole head, small, with a frame around what is seen; shown while a long text is zoomed.
import type { TileCache } from "./cache";
import type { Canvas2D } from "./pen";
import type { Scene } from "./scene";
import { imageOf } from "./tile";
import { type Box, coarsest, type Region, type TileSpot } from "./viewport";

const LEAST = 64; // tokens; shorter texts need no map

/** Where the minimap stands, or undefined while there is none. */
export function minimapOf({ plot, region, length, type, right }: Scene): Box | undefined {
  const zoomed = Math.min(region.rows, region.cols) < length * 0.9;
  const width = Math.min(type * 9, plot.width * 0.3, plot.height * 0.3);
  if (length <= LEAST || !zoomed || width < 40) return undefined;
  return { x: right - width - 8, y: plot.y + 8, width, height: (width * plot.height) / plot.width };
}

/** Tokens; of longer texts the map shows the thumbnail that came with the traits: a finer one would take long. */
const FINER = 4096;

/** The tile that the minimap shows. */
export const tileOf = ({ length }: Scene): TileSpot => ({
  level: Math.max(0, coarsest(length) - (length <= FINER ? 1 : 0)),
  row: 0,
  col: 0,
});

export function paintMinimap(on: Canvas2D, scene: Scene, cache: TileCache): void {
  const box = minimapOf(scene);
  if (!box) return;
  const { theme, region, length } = scene;
  const { x, y, width, height } = box;
  on.fillStyle = theme.paper;
  on.fillRect(x - 3, y - 3, width + 6, height + 6);
  const spot = tileOf(scene);
  const tile =
    cache.get(scene.picture, spot) ?? cache.get(scene.picture, { ...spot, level: coarsest(length) });
  const image = tile && imageOf(tile, scene.palette);
  on.imageSmoothingEnabled = false;
  if (image) on.drawImage(image, x, y, width, height);
  on.lineWidth = 1;
  on.strokeStyle = theme.line;
  on.strokeRect(x - 3.5, y - 3.5, width + 7, height + 7);
  // A frame of at least 5 pixels: it must be seen, and taken hold of.
  const wide = Math.max((region.cols * width) / length, 5);
  const high = Math.max((region.rows * height) / length, 5);
  const left = x + Math.min((region.col0 * width) / length, width - wide);
  const top = y + Math.min((region.row0 * height) / length, height - high);
  on.lineWidth = 2;
  on.strokeStyle = theme.accent;
  on.strokeRect(left, top, wide, high);
}

/** The region of the present size whose middle is under a point of the minimap. */
export function regionUnder(box: Box, x: number, y: number, region: Region, length: number): Region {
  const row0 = ((y - box.y) / box.height) * length - region.rows / 2;
  const col0 = ((x - box.x) / box.width) * length - region.cols / 2;
  return { ...region, row0, col0 };
}
