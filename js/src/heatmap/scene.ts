// Everything that one painting of the matrix depends on, gathered from signals before the first stroke.
import type { Palette } from "../color";
import { type HeatTraits, type Stage, seenVariant, stageOf, type TokenColumns } from "../model";
import type { Theme } from "../theme";
import { named, spelled, visible } from "../tokens";
import type { Picture } from "./cache";
import { frameOf } from "./following";
import { type Measure, type Room, roomFor } from "./labels";
import { type Box, LARGEST_CELL, levelFor, type Region, regionOf, whole, xOf, yOf } from "./viewport";

/** Of the canvas, in CSS pixels; `ratio` is device pixels a CSS pixel. */
export interface Size {
  readonly width: number;
  readonly height: number;
  readonly ratio: number;
}

/** All lengths are CSS pixels from the canvas's corner. */
export interface Scene extends Size {
  /** Tokens. 0 while there is no record. */
  readonly length: number;
  readonly picture: Picture;
  readonly stage: Stage;
  /** Whether there are no cells above the diagonal; before the mask there are. */
  readonly causal: boolean;
  /** Whether the mask has its edge on the diagonal. */
  readonly edge: boolean;
  /** The sliding window in tokens; Infinity without one. */
  readonly window: number;
  readonly sinkHidden: boolean;
  readonly tokens: TokenColumns;
  readonly palette: Palette;
  readonly theme: Theme;
  /** The size of the axes' letters, and their font. */
  readonly type: number;
  readonly font: string;
  readonly measure: Measure;
  readonly room: Room;
  readonly region: Region;
  readonly level: number;
  /** Where the cells are, and its far edges. */
  readonly plot: Box;
  readonly right: number;
  readonly bottom: number;
  /** Of a cell. */
  readonly cellWidth: number;
  readonly cellHeight: number;
  /** Where a column, or a row, begins. */
  readonly x: (col: number) => number;
  readonly y: (row: number) => number;
}

/** A plot is at most so many times wider than high, or higher than wide. */
const STRETCH = 2;

/** Reads the signals that the picture depends on; inside an effect, a change of any of them paints anew. */
export function sceneOf(
  traits: HeatTraits,
  palette: Palette,
  theme: Theme,
  size: Size,
  measure: Measure,
): Scene {
  const info = traits.info.value;
  const { record, causal: edge = true, layers = [], windows = [] } = info;
  const stage = stageOf(traits);
  const causal = edge && stage !== "raw" && stage !== "scaled";
  const length = record === undefined ? 0 : traits.length.value;
  const layer = traits.layer.value;
  const head = traits.head.value;
  const sinkHidden = traits.hideSink.value;
  const tokens = traits.tokens.value;
  const type = traits.presentation.value ? 17 : 11;
  const font = `${type}px ${theme.font}`;
  const frame = info.following ? frameOf(length) : length;
  const room = roomFor(tokens, frame, { ...size, type, font }, measure);
  const plot = plotOf(size, frame, room);
  const all = info.following && traits.view.value.length === 0;
  const region = all ? whole(frame) : regionOf(traits.view.value, length);
  const window = windows[layers.indexOf(layer as number)] ?? Infinity;
  const cellWidth = plot.width / region.cols;
  const cellHeight = plot.height / region.rows;
  return {
    ...size,
    length,
    picture: `${record}|${seenVariant(traits)}|${layer}|${head}`,
    stage,
    causal,
    edge,
    window,
    sinkHidden,
    tokens,
    palette,
    theme,
    type,
    font,
    measure,
    room,
    region,
    level: levelFor(region, plot, size.ratio, length),
    plot,
    right: plot.x + plot.width,
    bottom: plot.y + plot.height,
    cellWidth,
    cellHeight,
    x: (col) => xOf(col, region, plot),
    y: (row) => yOf(row, region, plot),
  };
}

/** Where the cells are drawn: what the margins leave, no larger than the cells need, at the left. */
function plotOf(size: Size, length: number, room: Room): Box {
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

/** A token as its label on an axis, at most `most` pixels wide; its position where it has no piece. */
export function labelOf({ tokens, measure }: Scene, token: number, most: number, font: string): string {
  return measure.fit(visible(spelled(tokens, token) ?? String(token)), font, most);
}

/** A token as it is named by itself: of a split character with the part that it is. */
export function nameOf({ tokens, measure, font }: Scene, token: number, most: number): string {
  const [text, part] = named(tokens, token);
  const end = part && `\u200e ${part}`;
  const shown = part ? text.trim() : text || String(token);
  return measure.fit(visible(shown), font, most - measure.width(end, font)) + end;
}
