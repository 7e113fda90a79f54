// Everything that one painting of the matrix depends on, gathered from signals before the first stroke.
import type { Palette } from "../color";
import { type HeatTraits, variantOf } from "../model";
import type { Theme } from "../theme";
import { visible } from "../tokens";
import type { Picture } from "./cache";
import { type Measure, type Room, roomFor } from "./labels";
import { type Box, LARGEST_CELL, levelFor, type Region, regionOf } from "./viewport";

export interface Scene {
  /** Tokens. 0 while there is no record. */
  readonly length: number;
  readonly picture: Picture;
  readonly causal: boolean;
  /** The sliding window in tokens, or null. */
  readonly window: number | null;
  readonly sinkHidden: boolean;
  /** What must be known to read the picture, one short line each. */
  readonly notes: readonly string[];
  readonly pieces: readonly string[];
  readonly palette: Palette;
  readonly theme: Theme;
  /** CSS pixels of the axes' letters. */
  readonly type: number;
  readonly region: Region;
  readonly width: number;
  readonly height: number;
  readonly plot: Box;
  readonly room: Room;
  readonly measure: Measure;
  /** Device pixels a CSS pixel. */
  readonly ratio: number;
  readonly level: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
  readonly ratio: number;
}

/** A plot is at most so many times wider than high, or higher than wide. */
const STRETCH = 1.6;

/** Reads the signals that the picture depends on; inside an effect, a change of any of them paints anew. */
export function sceneOf(
  traits: HeatTraits,
  palette: Palette,
  theme: Theme,
  size: Size,
  measure: Measure,
): Scene {
  const info = traits.info.value;
  const { length = 0, record, n_heads: heads = 0, n_kv_heads: groups = 0, causal = true } = info;
  const layer = traits.layer.value;
  const head = traits.head.value;
  const pieces = traits.tokens.value.pieces ?? [];
  const type = traits.presentation.value ? 17 : 11;
  const room = roomFor(pieces, length, { ...size, type, font: `${type}px ${theme.font}` }, measure);
  const plot = plotOf(size, length, room);
  const region = regionOf(traits.view.value, length);
  const window =
    typeof layer === "number" ? (info.windows?.[info.layers?.indexOf(layer) ?? -1] ?? null) : null;
  const notes: string[] = [];
  if (traits.hideSink.value && length > 1) notes.push("first token hidden, rows add up to 1 without it");
  if (window !== null && window < length) notes.push(`sliding window of ${window} tokens`);
  if (typeof head === "number" && groups > 0 && groups < heads) notes.push(groupNote(head, heads / groups));
  return {
    length: record === undefined ? 0 : length,
    picture: `${record}|${variantOf(traits)}|${layer}|${head}`,
    causal,
    window,
    sinkHidden: traits.hideSink.value,
    notes,
    pieces,
    palette,
    theme,
    type,
    region,
    plot,
    room,
    measure,
    ...size,
    level: levelFor(region, plot, size.ratio, length),
  };
}

/** Heads of a group look with queries of their own at the same keys. */
function groupNote(head: number, size: number): string {
  const first = Math.floor(head / size) * size;
  return `heads ${first}–${first + size - 1} share their keys`;
}

/** Where the cells are drawn: what the margins leave, no larger than the cells need, at the left. */
export function plotOf(size: Size, length: number, room: Room): Box {
  const width = Math.max(1, size.width - room.left - room.right);
  const height = Math.max(1, size.height - room.top - room.bottom);
  const most = Math.max(1, length) * LARGEST_CELL;
  return {
    x: room.left,
    y: room.top,
    width: Math.min(width, most, height * STRETCH),
    height: Math.min(height, most, width * STRETCH),
  };
}

/** CSS pixels of a cell. */
export const cellOf = ({ plot, region }: Scene): { width: number; height: number } => ({
  width: plot.width / region.cols,
  height: plot.height / region.rows,
});

export const fontOf = ({ type, theme }: Scene, share = 1): string => `${type * share}px ${theme.font}`;

/** A token as its label, at most `most` pixels wide; its position where it has no piece. */
export function labelOf(scene: Scene, token: number, most: number, font = fontOf(scene)): string {
  return scene.measure.fit(visible(scene.pieces[token] ?? String(token)), font, most);
}
