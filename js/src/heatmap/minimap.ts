// The whole head, small, with a frame around what is seen; shown while a long text is zoomed.
import type { TileCache } from "./cache";
import type { Canvas2D } from "./paint";
import type { Scene } from "./scene";
import { imageOf } from "./tile";
import { type Box, coarsest, type Region, THUMB } from "./viewport";

/** Where the minimap stands, or undefined while there is none. */
export function minimapOf({ plot, region, length, type }: Scene): Box | undefined {
  const zoomed = region.rows < length * 0.9 || region.cols < length * 0.9;
  if (length <= THUMB || !zoomed) return undefined;
  const width = Math.min(type * 9, plot.width * 0.3, plot.height * 0.3);
  const height = (width * plot.height) / plot.width;
  if (width < 40) return undefined;
  return { x: plot.x + plot.width - width - 8, y: plot.y + 8, width, height };
}

export function paintMinimap(context: Canvas2D, scene: Scene, cache: TileCache): void {
  const box = minimapOf(scene);
  if (!box) return;
  const { theme, region, length } = scene;
  context.save();
  context.fillStyle = theme.paper;
  context.fillRect(box.x - 3, box.y - 3, box.width + 6, box.height + 6);
  const tile = cache.get(scene.picture, { level: coarsest(length), row: 0, col: 0 });
  const image = tile && imageOf(tile, scene.palette);
  if (image) {
    context.imageSmoothingEnabled = false;
    context.drawImage(image, box.x, box.y, box.width, box.height);
  }
  context.lineWidth = 1;
  context.strokeStyle = theme.line;
  context.strokeRect(box.x - 3.5, box.y - 3.5, box.width + 7, box.height + 7);
  const scaleX = box.width / length;
  const scaleY = box.height / length;
  // A frame of at least 5 pixels: it must be seen, and taken hold of.
  const width = Math.max(region.cols * scaleX, 5);
  const height = Math.max(region.rows * scaleY, 5);
  const x = Math.min(box.x + region.col0 * scaleX, box.x + box.width - width);
  const y = Math.min(box.y + region.row0 * scaleY, box.y + box.height - height);
  context.lineWidth = 2;
  context.strokeStyle = theme.accent;
  context.strokeRect(x, y, width, height);
  context.restore();
}

/** The region of the present size whose middle is under a point of the minimap. */
export function regionUnder(box: Box, x: number, y: number, region: Region, length: number): Region {
  const row = ((y - box.y) / box.height) * length;
  const col = ((x - box.x) / box.width) * length;
  return { ...region, row0: row - region.rows / 2, col0: col - region.cols / 2 };
}

export const inside = (box: Box | undefined, x: number, y: number): boolean =>
  box !== undefined && x >= box.x && x < box.x + box.width && y >= box.y && y < box.y + box.height;
